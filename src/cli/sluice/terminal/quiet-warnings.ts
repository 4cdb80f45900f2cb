/** Keeps the process warnings of Sluice itself off the screen, whose matter is in the report, and those of Node.js on what is experimental. */
export function withoutOwnWarnings(): void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { readonly code?: string }) => {
    if (warning.code?.startsWith('SLUICE_') === true || warning.name === 'ExperimentalWarning') return;
    for (const print of printers) print(warning);
  });
}
