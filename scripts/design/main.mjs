// Draws the pictures of docs/design again, from the rules of the architecture and the texts next to them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawings, folder } from './drawings.mjs';

for (const [file, text] of drawings()) writeFileSync(join(folder, file), text);
