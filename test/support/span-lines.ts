// What an operator loads with `--import`, as small as it can be: an SDK that writes each span as a line of JSON. It does
// nothing where no file is named.

import { appendFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const { SPANS_FILE: file } = process.env;

if (file !== undefined) {
  const exporter = {
    export(spans: readonly ReadableSpan[], done: (result: { code: number }) => void) {
      for (const span of spans) appendFileSync(file, `${JSON.stringify(lineOf(span))}\n`);
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }));
}

export interface SpanLine {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
}

function lineOf(span: ReadableSpan): SpanLine {
  const { traceId, spanId } = span.spanContext();
  return { name: span.name, traceId, spanId, parentId: span.parentSpanContext?.spanId };
}

/** The environment of a process that writes its spans there. */
export function writingSpans(spansFile: string): Record<string, string> {
  const self = pathToFileURL(import.meta.filename).href;
  return { SPANS_FILE: spansFile, NODE_OPTIONS: `--import=${self}` };
}
