using MedPeft.Docs;

// Writes what is generated in docs: docs/api, one page for each namespace of the library, from its XML documentation, and the code of the guides,
// from the tests. A reference that leads nowhere, a public member without a summary or a snippet without a test ends it with an error.
if (args is not [var root, .. var rest] || rest is not ([] or ["--check"]))
{
    Console.Error.WriteLine("usage: Generator <root of the repository> [--check]     --check changes nothing and fails where docs are out of date");
    return 2;
}

var write = rest.Length == 0;
var documentation = new Documentation(Path.ChangeExtension(typeof(MedPeft.Lora.LoraConfig).Assembly.Location, ".xml"));
var files = new Pages(typeof(MedPeft.Lora.LoraConfig).Assembly, documentation).Render();
var faults = documentation.Faults.Distinct().Concat(Snippets.Update(root, write)).ToList();

var folder = Directory.CreateDirectory(Path.Combine(root, "docs", "api")).FullName;
var stale = Directory.GetFiles(folder, "*.md").Where(file => !files.ContainsKey(Path.GetFileName(file))).ToList();
var changed = files.Where(file => Path.Combine(folder, file.Key) is var path && (!File.Exists(path) || File.ReadAllText(path) != file.Value)).ToList();
if (write && documentation.Faults.Count == 0)
{
    foreach (var file in stale) File.Delete(file);
    foreach (var (name, text) in changed) File.WriteAllText(Path.Combine(folder, name), text);
}
else
{
    faults.AddRange(stale.Select(file => $"docs/api/{Path.GetFileName(file)} belongs to no namespace"));
    faults.AddRange(changed.Select(file => $"docs/api/{file.Key} is not what the documentation says"));
}

foreach (var fault in faults) Console.Error.WriteLine(fault);
if (faults.Count > 0 && !write) Console.Error.WriteLine("Run eng/update-docs.sh.");
return faults.Count == 0 ? 0 : 1;
