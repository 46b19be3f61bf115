// Lists the exchanges that brought this page, from the browser’s own
// record of them. Reading the record sends no request.

function part(className, text) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

function line(entry) {
  const { pathname, search } = new URL(entry.name);
  const status = entry.responseStatus;
  const type = entry.contentType; // not every browser tells
  const size = `${entry.encodedBodySize} bytes`;
  const from = Math.round(entry.startTime);
  const to = Math.round(entry.responseEnd);

  const item = document.createElement("li");
  item.className = "exchange";
  item.append(
    part("request", `GET ${pathname}${search}`),
    part("time", `${from}–${to} ms`),
    part("response", [status, type, size].filter(Boolean).join(" ")),
  );
  return item;
}

addEventListener("load", () => {
  const page = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const list = document.querySelector("#wire");
  list.replaceChildren(...[...page, ...files].map(line));
});
