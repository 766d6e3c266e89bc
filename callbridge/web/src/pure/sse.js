// Server-sent events from text that arrives in pieces of any size. Pure.
// A browser's own EventSource does not tell of comments, which are the server's heartbeat, nor of a status such as 401.

/** Returns `feed(text)`: the events that are complete now. A comment comes as `{ event: "comment" }`. */
export function sseParser() {
  let rest = "";
  let event = "";
  let data = [];

  function line(text, found) {
    if (text === "") {
      if (data.length) found.push({ event: event || "message", data: data.join("\n") });
      event = "";
      data = [];
    } else if (text.startsWith(":")) {
      found.push({ event: "comment", data: "" });
    } else {
      const colon = text.indexOf(":");
      const field = colon < 0 ? text : text.slice(0, colon);
      const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
    }
  }

  return function feed(text) {
    const found = [];
    rest += text;
    for (;;) {
      const end = rest.search(/[\r\n]/);
      // The line feed after a carriage return may still be on its way.
      if (end < 0 || (rest[end] === "\r" && end === rest.length - 1)) return found;
      line(rest.slice(0, end), found);
      rest = rest.slice(end + (rest.startsWith("\r\n", end) ? 2 : 1));
    }
  };
}
