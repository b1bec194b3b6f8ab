export function Page() {
  return <h1>send</h1>;
}
