export async function ask(): Promise<never> { throw new Error("soon"); }
