// The bounds on a request as such, whatever it asks. Each is a setting of the server and is handed in.

export interface HttpLimits {
  /** Bytes of a transaction's body, of a batch's, or of one line of an import. */
  readonly transactionBytesMax: number;
  /** Bytes held of all bodies that are not whole yet. */
  readonly bodiesBytesMax: number;
  /** Bytes of JSON that the reads of one batch answer with. */
  readonly batchReadBytesMax: number;
  /** Bytes of a request's first line and headers together, which also bounds how long a path can be sent. */
  readonly headerBytesMax: number;
  /** Bytes held of znodes that are written while lines of them are still being read. */
  readonly snapshotKeptBytesMax: number;
  /** Bytes of large answers held until their clients have taken them. */
  readonly answerBytesMax: number;
  /** The same for the clients of one connection. */
  readonly connectionAnswerBytesMax: number;
  /** The same for one client, on all its connections. */
  readonly answerBytesPerClientMax: number;
  /** Time in which a client takes some of what it is sent. */
  readonly sendTimeoutMs: number;
  /** Time for the first line and the headers to arrive. */
  readonly headersTimeoutMs: number;
  /** Time for a request to arrive whole; in an import for a line. */
  readonly requestTimeoutMs: number;
  /** Time a connection may rest between two requests. */
  readonly keepAliveTimeoutMs: number;
  /** Connections that are served in full. */
  readonly connectionsMax: number;
  /** Of these, one client's; it may have some more that are told so. */
  readonly connectionsPerClientMax: number;
  /** Fewer than the fixed limit of this name where the process may not open as many files. */
  readonly surplusConnectionsMax?: number;
  /** Requests of one connection that are under way; those sent beyond them wait. Streams of a session of HTTP/2. */
  readonly requestsPerConnectionMax: number;
  /** Of these, requests that wait for something to happen: streams, long polls, claims. */
  readonly waitsPerConnectionMax: number;
  /** Streams of any kind that one client has open, on all its connections. */
  readonly streamsPerClientMax: number;
  /** Long polls and waits for places of one client. */
  readonly waitsPerClientMax: number;
  /** What one client may ask for in a second, a read being 1; 0 is no bound. */
  readonly ratePerSecond: number;
  /** What it may ask for at once when it has rested. */
  readonly rateBurst: number;
  /** Lists, objects and what stands in them, in a JSON body or a line of an import. */
  readonly jsonValuesMax: number;
  /** Lists and objects within each other in a JSON body. */
  readonly jsonDepthMax: number;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** The name of the setting behind the route's `bodyLimit`, where it is not `dataBytesMax`. */
    bodyLimitName?: keyof HttpLimits;
    /** Served on a connection beyond `connectionsMax` too: what keeps or ends a session, and probes (L2). */
    isServedAlways?: boolean;
  }
}
