import { aDeliveryTask } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fillArguments, hasHoleInKey, holesOf, PLACEHOLDERS, valuesOf } from "./template.ts";

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.constantFrom(
    "{{link}}",
    "{{kept.x}}",
    '"}],"channel":"C0EVIL","x":[{"',
    "<!channel> <@U1> <https://evil.example|x>",
    "[x](https://evil.example) ![y](https://evil.example/z.png)",
    "<script>alert(1)</script>",
    "\u202e\u200b\u001b[31m",
    "password=hunter2hunter2",
  ),
);

// Goal: whatever a log says, the shape of the arguments is the template's, each text is within its bound, and nothing in it
// is a hole, markup or a secret. Method: hostile text in every place of an incident, all placeholders, all formats.
test.each(["text", "markdown", "html"] as const)("as %s", (format) => {
  const all = PLACEHOLDERS.map((name) => `{{${name}}}`).join(" ¦ ");
  const template = { text: all, list: [all, 1, true, null, { deep: all }], number: 7 };
  fc.assert(
    fc.property(hostile, hostile, hostile, fc.integer({ min: 200, max: 8_000 }), (a, b, c, max) => {
      const task = aDeliveryTask("open", {
        incident: { service: a, title: b, exemplars: [c, a, b], environment: c, project: b },
        evidence: { sentence: c },
      });
      const options = { values: valuesOf(task), kept: { x: "evil" }, format, charsMax: max };
      const filled = fillArguments(template, options);
      expect(Object.keys(filled)).toEqual(["text", "list", "number"]);
      const { text, list } = filled;
      if (typeof text !== "string" || !Array.isArray(list)) throw new Error("another shape");
      expect(list).toEqual([text, 1, true, null, { deep: text }]);
      expect(text.length).toBeLessThanOrEqual(max);
      const link = "http://127.0.0.1:4318/incidents/sample";
      expect(text.replaceAll(link, "")).not.toMatch(/:\/\/|hunter2|undefined|NaN|\[object/u);
      expect(text).not.toMatch(/<|\{\{/u);
      if (format === "markdown") expect(text).not.toMatch(/(?<!\\)\]\(/u);
    }),
    { numRuns: 300, seed: 20_261_123 },
  );
});

test("what a person wrote after the values stays, also when these are clipped", () => {
  const values = valuesOf(aDeliveryTask("open", { incident: { title: "x".repeat(190) } }));
  const options = { values, kept: {}, format: "text", charsMax: 100 } as const;
  const { text } = fillArguments({ text: "[{{title}}] [{{title}}] the end" }, options);
  expect(text).toMatch(/^\[checkout-api: x+…\] \[\] the end$/u);
  expect(String(text)).toHaveLength(100);
});

test("holes are found wherever text is, and keys have none", () => {
  expect(holesOf({ a: "{{title}}", b: [{ c: "{{ kept.issue }} {{x}}" }], d: 1 })).toEqual([
    ...["title", "kept.issue", "x"],
  ]);
  expect(hasHoleInKey({ a: [{ "{{title}}": 1 }] })).toBe(true);
  expect(hasHoleInKey({ a: ["{{title}}"] })).toBe(false);
});
