// Metrics of requests, connections, bodies and large answers, and of what clients are refused of them.

import type { Histogram } from "../histogram.ts";
import type { RequestCounts, RouteCounts } from "../routes/http/request-counts.ts";
import { counter, gauge, histogram, type MetricTable, msPerSecond } from "./metric.ts";
import type { Labels, Sample } from "./metrics-text.ts";

export const httpMetrics: MetricTable = {
  treekeeper_http_requests_total: counter(
    "Requests that were answered, by the pattern of their route; a stream counts when it begins.",
    ({ parts }) => requestsOf(parts.requests),
    ["method", "route", "status"],
  ),
  treekeeper_http_request_duration_seconds: histogram(
    "From the head of a request until its answer is ready to be sent. Waiting for a lock or a change counts; a stream does not.",
    ({ parts }) => durationsOf(parts.requests),
    msPerSecond,
    ["method", "route"],
  ),
  treekeeper_http_problems_total: counter(
    "Answers that were problem documents, by their codes.",
    ({ parts }) => [...parts.requests.problems].map(([code, value]) => ({ labels: { code }, value })),
    ["code"],
  ),
  treekeeper_http_unreadable_requests_total: counter(
    "What came on a connection and could not be read as a request.",
    ({ stats }) => stats.requests.unreadableTotal,
  ),
  treekeeper_http_connections: gauge("Connections that are open.", ({ stats }) => stats.connections.open),
  treekeeper_http_connections_max: gauge(
    "Connections that are served in full, --connections-max or fewer.",
    ({ stats }) => stats.connections.openMax,
  ),
  treekeeper_http_surplus_connections: gauge(
    "Connections beyond a bound, on which sessions alone are kept and closed.",
    ({ stats }) => stats.connections.surplus,
  ),
  treekeeper_http_turned_away_connections_total: counter(
    "Connections that were closed unheard, since there were too many.",
    ({ stats }) => stats.connections.turnedAwayTotal,
  ),
  treekeeper_http2_sessions: gauge(
    "Connections that speak HTTP/2.",
    ({ stats }) => stats.connections.http2Sessions,
  ),
  treekeeper_drain_percent: gauge(
    "The share of clients that a drain sends elsewhere; 0 while none goes on.",
    ({ parts }) => parts.drain.percent,
  ),
  treekeeper_http_clients: gauge(
    "Clients with a connection, as shares count them.",
    ({ stats }) => stats.connections.clients,
  ),
  treekeeper_http_held_answers: gauge(
    "Large answers that their clients have yet to take.",
    ({ stats }) => stats.answers.held,
  ),
  treekeeper_http_held_answer_bytes: gauge(
    "Bytes of large answers that their clients have yet to take.",
    ({ stats }) => stats.answers.heldBytes,
  ),
  treekeeper_http_held_answer_bytes_max: gauge(
    "Bytes that such answers may hold, --answer-bytes-max.",
    ({ stats }) => stats.answers.heldBytesMax,
  ),
  treekeeper_http_refused_answers_total: counter(
    "Large answers that were refused for want of room.",
    ({ stats }) => stats.answers.refusedTotal,
  ),
  treekeeper_http_cut_answers_total: counter(
    "Large answers that were ended in the middle, since their clients took nothing and room was needed.",
    ({ stats }) => stats.answers.cutTotal,
  ),
  treekeeper_http_bodies: gauge("Bodies that are being read.", ({ stats }) => stats.bodies.bodies),
  treekeeper_http_body_bytes: gauge(
    "Bytes held of bodies that are being read.",
    ({ stats }) => stats.bodies.bytes,
  ),
  treekeeper_http_body_bytes_max: gauge(
    "Bytes that may be held of them, --bodies-bytes-max.",
    ({ stats }) => stats.bodies.bytesMax,
  ),
  treekeeper_http_refused_bodies_total: counter(
    "Bodies that had to go so that others could come.",
    ({ stats }) => stats.bodies.refusedTotal,
  ),
  treekeeper_rate_clients: gauge(
    "Clients whose rate is kept; 0 without --rate-per-second.",
    ({ stats }) => stats.rates.clients,
  ),
  treekeeper_rate_refusals_total: counter(
    "Requests that were refused because their client asks too fast.",
    ({ stats }) => stats.rates.refusedTotal,
  ),
};

function requestsOf({ routes }: RequestCounts): readonly Sample<number>[] {
  return routes.flatMap((counts) =>
    counts.byStatus().map(({ status, count }) => ({
      labels: { ...labelsOf(counts), status: status === 0 ? "other" : String(status) },
      value: count,
    })),
  );
}

/** Of routes that nobody has asked for there is nothing to say. */
function durationsOf({ routes }: RequestCounts): readonly Sample<Histogram>[] {
  const asked = routes.filter(({ durationMs }) => durationMs.count > 0);
  return asked.map((counts) => ({ labels: labelsOf(counts), value: counts.durationMs }));
}

function labelsOf({ method, route }: RouteCounts): Labels {
  return { method, route };
}
