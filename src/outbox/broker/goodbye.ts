import { endsWithin, systemClock } from '../../core/index.ts';

/** How long a server may take to answer a goodbye, in milliseconds: it may have gone silent. */
const patience = 2_000;

/** Waits for a goodbye to a server, and no longer than two seconds: `cut` ends without it what is left then. Never rejects. */
export async function sayGoodbye(goodbye: Promise<unknown>, cut: () => void = () => {}): Promise<void> {
  const isSaid = await endsWithin(systemClock, goodbye, patience).catch(() => false);
  if (!isSaid) cut();
}
