// What a setting is: a row of one of the tables in this folder.

export interface Setting<T> {
  readonly flag: string;
  readonly meaning: string;
  readonly initial: T;
  readonly parse: (text: string) => T;
}

export function setting<T>(
  flag: string,
  initial: T,
  parse: (text: string) => T,
  meaning: string,
): Setting<T> {
  return { flag, initial, parse, meaning };
}

export const mebibyte = 1024 ** 2;
