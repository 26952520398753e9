// What serves those who contend: one process, or several servers on one log. It fails as planned, one server at a time.

export interface Deployment {
  /** Where each server serves, or served until it was killed. */
  readonly urls: readonly string[];
  /** The one that nothing befalls now; where there is one server alone, that one. */
  readonly soundUrl: string;
  kill(): Promise<void>;
  /** The one that was killed serves again, elsewhere. */
  restart(): Promise<void>;
  /** It neither hears nor says anything until it goes on. */
  stop(): void;
  goOn(): void;
  end(): Promise<void>;
}
