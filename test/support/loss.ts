import { channel } from 'node:diagnostics_channel';
import { type ConnectionEvent, channelNames } from '../../src/index.ts';
import { until } from './settled.ts';

/** Does what cuts or kills connections, and waits until a pool has lost its last one: the server says so earlier. */
export async function loseConnections(cut: () => unknown): Promise<void> {
  let lost = false;
  const note = (event: unknown): void => void (lost ||= (event as ConnectionEvent).open === 0);
  channel(channelNames.connectionClose).subscribe(note);
  try {
    await cut();
    await until('the pool knows of the loss', () => lost);
  } finally {
    channel(channelNames.connectionClose).unsubscribe(note);
  }
}
