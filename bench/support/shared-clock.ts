// A clock all processes of a machine share, and which nobody sets.

export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
