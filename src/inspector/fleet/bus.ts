/** What the processes of a fleet ask and answer each other over: `postgresFleet()` and `redisFleet()` make one. */
export interface FleetBus {
  /** The most ASCII characters that a message may have. */
  readonly longestMessage: number;
  /**
   * Begins to receive what is published from now on, by this process too, and connects again by itself.
   * @param onError gets what goes wrong; what is under way goes on
   */
  open(onMessage: (text: string) => void, onError: (error: unknown) => void): void;
  /** Sends a message to all. @throws where it cannot be sent now */
  publish(text: string): Promise<void>;
  /** Disconnects. */
  close(): Promise<void>;
}
