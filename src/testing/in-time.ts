/** What a promise comes to within so many milliseconds. @returns undefined where it does not */
export async function inTime<Value>(value: Promise<Value>, milliseconds: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  return await Promise.race([value, late]).finally(() => clearTimeout(timer));
}
