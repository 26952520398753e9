// Figures as people say them: bytes, times, counts.

const byteUnits = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `31008` is `30.3 KiB`. */
export function inBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : rounded(value)} ${byteUnits[unit]}`;
}

const timeUnits = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** In its two largest units: `90061000` is `1 d 1 h`. What is shorter than a second is in milliseconds. */
export function inTime(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1000) return `${whole} ms`;
  const first = timeUnits.findIndex(([, size]) => whole >= size);
  const parts: string[] = [];
  let left = whole;
  for (const [name, size] of timeUnits.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** `1 session`, `2 sessions`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** As a shell takes it for one word, so that it can be copied. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** With one place behind the point while that says something. */
function rounded(value: number): string {
  return String(value >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
}
