interface WebAssemblyApi {
  validate(code: Uint8Array): boolean;
  instantiate(code: Uint8Array): Promise<{ module: object; instance: { exports: unknown } }>;
  readonly Module: {
    imports(module: object): readonly object[];
    exports(module: object): readonly object[];
  };
}

/** The runtime's, for which Node's types have no name. */
export const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
