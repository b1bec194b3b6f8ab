export function Page() {
  return <h1>silences</h1>;
}
