// Lines of JSON, as many as there are, each as soon as it is whole. Half a line is not passed on.

import { ConnectionError } from "./errors.ts";

/** Characters of one line. The largest znode fits; an endless line does not. */
const lineCharactersMax = 134_217_728;

/** @throws ConnectionError when the text breaks off in a line, or a line cannot be read */
export async function* readLines(text: AsyncIterable<string>): AsyncGenerator<unknown, void, undefined> {
  let parts: string[] = [];
  let length = 0;
  for await (const part of text) {
    const lines = part.split("\n");
    const rest = lines.pop() as string;
    for (const line of lines) {
      yield parse(parts.join("") + line);
      parts = [];
      length = 0;
    }
    parts.push(rest);
    length += rest.length;
    if (length > lineCharactersMax) throw new ConnectionError("A line does not end.");
  }
  if (length > 0) throw new ConnectionError("The answer broke off.");
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ConnectionError("A line cannot be read.", { cause: error });
  }
}
