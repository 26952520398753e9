// The one place that makes text safe for a terminal. Names, data and what the service says may be anybody's: none of it
// may move the cursor, change what was printed before, be taken for more lines than one, or turn letters around.

/**
 * Controls of both kinds, separators of lines, halves of surrogate pairs, and what formats text without being seen, such
 * as marks that change its direction; but not the joiners, which some scripts and many emoji are spelled with.
 */
const unsafe = /(?!\u200c|\u200d)[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cf}]/gu;

/** What is unsafe is written as JSON writes it; lines and tabs stay. In JSON it means the same as before. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** The same for what is one line: nothing in it begins another. */
export function printableLine(text: string): string {
  return text.replace(unsafe, escaped);
}

/** A line that says each text in one way only: a backslash that was there is not taken for one of these. */
export function quotedLine(text: string): string {
  return printableLine(text.replaceAll("\\", "\\\\"));
}

const shortForms: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return shortForms[character] ?? units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
