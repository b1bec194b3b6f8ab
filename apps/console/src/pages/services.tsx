export function Page() {
  return <h1>services</h1>;
}
