import { escapeMarkup } from "@tracer/core";
import { isObject, type Json } from "./document.ts";
import { TAGS } from "./route-doc.ts";

const TEXT_CHARS_MAX = 20_000;

/** The body of a page that says what the document says. */
export function docsBody(document: Json): string {
  const { info, paths, components } = document;
  const operations = Object.entries(objectOf(paths)).flatMap(([path, methods]) =>
    Object.entries(objectOf(methods)).map(([method, operation]) => ({
      ...{ path, method },
      operation: objectOf(operation),
    })),
  );
  const sections = Object.entries(TAGS).map(([tag, about]) => {
    const own = operations.filter(({ operation }) => listOf(operation["tags"]).includes(tag));
    return (
      `<h2 id="${tag}">${tag}</h2><p class="dim">${escaped(about)}</p>` +
      own.map(({ path, method, operation }) => operationHtml(path, method, operation)).join("")
    );
  });
  const schemas = Object.entries(objectOf(objectOf(components)["schemas"])).map(
    ([name, schema]) =>
      `<article class="panel" id="schema-${escaped(name)}"><details><summary><code>${escaped(name)}</code></summary>` +
      `${jsonHtml(schema)}</details></article>`,
  );
  const links = [...Object.keys(TAGS), "schemas"].map((tag) => `<a href="#${tag}">${tag}</a>`);
  return (
    `<header><p class="brand">Tracer ${escaped(objectOf(info)["version"])}</p><h1>API</h1>` +
    `<p class="lede">${escaped(objectOf(info)["description"])}</p>` +
    '<p class="small">For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1)</p></header>' +
    `<nav aria-label="Sections">${links.join("")}</nav><main>${sections.join("")}` +
    `<h2 id="schemas">schemas</h2>${schemas.join("")}</main>`
  );
}

function operationHtml(path: string, method: string, operation: Json): string {
  const parameters = listOf(operation["parameters"]).map(parameterHtml);
  const body = objectOf(operation["requestBody"]);
  const responses = Object.entries(objectOf(operation["responses"])).map(([status, response]) =>
    responseHtml(status, objectOf(response)),
  );
  return (
    `<article class="panel"><h3><span class="method">${method}</span> <code>${escaped(path)}</code></h3>` +
    `<p>${escaped(operation["summary"])} <span class="dim">${escaped(operation["description"])}</span></p>` +
    `<details><summary class="small">details</summary><dl class="facts small">${parameters.join("")}` +
    (body["content"] === undefined
      ? ""
      : `<dt>body</dt><dd>${escaped(body["description"])} ${contentHtml(body)}</dd>`) +
    `${responses.join("")}</dl></details></article>`
  );
}

function responseHtml(status: string, response: Json): string {
  const reference = response["$ref"];
  const said =
    typeof reference === "string"
      ? `as everywhere: ${escaped(reference.split("/").at(-1))}`
      : `${escaped(response["description"])} ${contentHtml(response)}`;
  return `<dt>${escaped(status)}</dt><dd>${said}</dd>`;
}

function parameterHtml(value: unknown): string {
  const { name, in: place, required, schema, description } = objectOf(value);
  const rest = JSON.stringify(schema) ?? "";
  return (
    `<dt><code>${escaped(name)}</code> in ${escaped(place)}${required === true ? "" : ", optional"}</dt>` +
    `<dd>${escaped(description)} <code>${escaped(rest)}</code></dd>`
  );
}

function contentHtml(holder: Json): string {
  return Object.entries(objectOf(holder["content"]))
    .map(([type, content]) => {
      const schema = objectOf(objectOf(content)["schema"]);
      const reference = schema["$ref"];
      if (typeof reference !== "string") return `<code>${escaped(type)}</code> ${jsonHtml(schema)}`;
      const name = escaped(reference.split("/").at(-1));
      return `<code>${escaped(type)}</code>: <a href="#schema-${name}">${name}</a>`;
    })
    .join(" ");
}

function jsonHtml(schema: unknown): string {
  const lines = JSON.stringify(schema, null, 2).split("\n");
  const indented = lines.map((line) => {
    const blanks = line.length - line.trimStart().length;
    return " ".repeat(blanks) + escaped(line);
  });
  return `<pre>${indented.join("\n")}</pre>`;
}

function escaped(text: unknown): string {
  return typeof text === "string" ? escapeMarkup(text, TEXT_CHARS_MAX) : "";
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
