// How wide help is: as the terminal, and elsewhere as a page that can be read. It prints nothing.

const columnsElsewhere = 100;

/** Meanings are wrapped beside long flags, too, in a terminal of 80 columns. */
export const helpWrapping = { minWidthToWrap: 20 } as const;

export function helpColumns(): number {
  return (process.stdout.isTTY && process.stdout.columns) || columnsElsewhere;
}
