/**
 * Waits for a module that is loaded only where it is needed.
 *
 * @param reason the error for which it is needed, which is thrown where the module cannot be loaded, for lack of descriptors say:
 *   the lack is the same, and the reason names what met it first
 */
export async function loadOrTell<T>(module: Promise<T>, reason: unknown): Promise<T> {
  try {
    return await module;
  } catch (error) {
    throw reason ?? error;
  }
}
