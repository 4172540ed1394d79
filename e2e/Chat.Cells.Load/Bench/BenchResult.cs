using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Cells.Load.Bench;

/// <summary>One figure of <c>bench-cells.json</c>.</summary>
public sealed record BenchResult(string Workload, string Engine, string Metric, double Value, string Unit);

/// <summary><c>bench-cells.json</c>.</summary>
public sealed record BenchFile(IReadOnlyList<BenchResult> Results)
{
    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(this, BenchJson.Default.BenchFile) + "\n");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BenchFile))]
internal sealed partial class BenchJson : JsonSerializerContext;
