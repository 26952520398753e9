// Tests of the API, of watches, coordination, the client and several servers that say nothing about a log in etcd, or are
// about one server where any of several answers. All others run over both (vitest.config.ts).

/** By file, and by the title's beginning; with the reason. */
type Reasons = Readonly<Record<string, string>>;

export const aboutOtherLogs: Reasons = {};

export const aboutOneServer: Reasons = {};

export function reasonToLeaveOut(file: string, title: string, servers: number): string | undefined {
  const reasons = { ...aboutOtherLogs, ...(servers > 1 && aboutOneServer) };
  const found = Object.keys(reasons).find((beginning) => `${file} ${title}`.startsWith(`test/${beginning}`));
  return found === undefined ? undefined : reasons[found];
}
