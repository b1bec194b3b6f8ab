import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface RowsProps<Item> {
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  readonly render: (item: Item) => ComponentChildren;
  /** Height of a row in rem, where there is room beside each other and where there is not. */
  readonly wideRem: number;
  readonly narrowRem: number;
  readonly label: string;
}

/** Rows beyond both edges of the window that are there, too. */
const OVERSCAN = 12;
const NARROW = "(max-width: 44rem)";

/** A long list of which only what is near the window is in the document; every row has the same height. */
export function Rows<Item>(props: RowsProps<Item>) {
  const { items, keyOf, render, label } = props;
  const list = useRef<HTMLUListElement>(null);
  const heightPx = useRowHeight(props);
  const [range, setRange] = useState({ from: 0, to: 40 });
  const look = () => {
    const top = list.current?.getBoundingClientRect().top ?? 0;
    const first = Math.floor(-top / heightPx) - OVERSCAN;
    const from = Math.max(0, Math.min(items.length, first));
    const to = Math.min(
      items.length,
      Math.max(0, Math.ceil((innerHeight - top) / heightPx) + OVERSCAN),
    );
    setRange((held) => (held.from === from && held.to === to ? held : { from, to }));
  };
  useLayoutEffect(look, [items.length, heightPx]);
  useEffect(() => {
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [items.length, heightPx]);
  const { from, to } = range;
  return (
    <ul class="rows panel" ref={list} aria-label={label}>
      <li
        aria-hidden="true"
        class="spacer"
        ref={(element) => setHeight(element, from * heightPx)}
      />
      {items.slice(from, to).map((item, index) => (
        <li
          key={keyOf(item)}
          class="row"
          data-item=""
          aria-setsize={items.length}
          aria-posinset={from + index + 1}
          ref={(element) => setHeight(element, heightPx)}
        >
          {render(item)}
        </li>
      ))}
      <li
        aria-hidden="true"
        class="spacer"
        ref={(element) => setHeight(element, Math.max(0, items.length - to) * heightPx)}
      />
    </ul>
  );
}

/** By script: the policy of the page forbids the style attribute. */
function setHeight(element: HTMLElement | null, px: number): void {
  if (element !== null) element.style.height = `${px}px`;
}

function useRowHeight({ wideRem, narrowRem }: { wideRem: number; narrowRem: number }): number {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const onChange = () => setNarrow(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  return (isNarrow ? narrowRem : wideRem) * rem;
}
