// Warnings of Node.js are printed where a test fails: a test that passes has expected them, or does not care.
import { afterEach } from 'vitest';

const warned: Error[] = [];
process.removeAllListeners('warning');
process.on('warning', (warning) => warned.push(warning));

afterEach(({ task }) => {
  if (task.result?.state === 'fail') for (const { name, message } of warned) console.warn(`${name}: ${message}`);
  warned.length = 0;
});
