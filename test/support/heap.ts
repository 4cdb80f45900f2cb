import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The bytes of the heap that are still in use after everything that nothing holds was collected. */
export async function heapInUse(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    // Finished promises and the immediate that waits for them are let go of between turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 1));
    collect();
  }
  return process.memoryUsage().heapUsed;
}
