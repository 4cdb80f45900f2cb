/** Shows on one line of a terminal what is under way. In a log it says nothing. */
export interface Progress {
  readonly show: (text: string) => void;
  /** Takes the line away. */
  readonly clear: () => void;
}

export function progressOn(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  const clear = (): void => void stream.write('\r\u001B[2K');
  return {
    show(text) {
      clear();
      stream.write(text.slice(0, (stream.columns || 80) - 1));
    },
    clear,
  };
}
