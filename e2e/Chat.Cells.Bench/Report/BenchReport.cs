using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Report;

/// <summary>One figure of <c>bench.json</c>.</summary>
public sealed record BenchResult(string Workload, string Engine, string Metric, double Value, string Unit);

/// <summary><c>bench.json</c>.</summary>
/// <param name="Results">Engines whose figures are void say so in their label: <c>kafka-mock</c>, and <c>-void</c> behind any other.</param>
/// <param name="Ratios">Without those of engines whose figures are void.</param>
public sealed record BenchFile(IReadOnlyList<BenchResult> Results, IReadOnlyDictionary<string, double> Ratios);

/// <summary>Collects a run's figures and shows them.</summary>
internal sealed class BenchReport(TextWriter output, TimeProvider time)
{
    /// <summary>The engine label of the bare broadcaster.</summary>
    public const string Bare = "bare";

    private readonly long start = time.GetTimestamp();
    private readonly List<BenchResult> results = [];
    private readonly Dictionary<(string Workload, string Engine), WorkDone> works = [];
    private readonly List<string> faults = [];
    private readonly SortedDictionary<string, Durability> durability = new(StringComparer.Ordinal);

    /// <summary>What makes figures of this run doubtful.</summary>
    public IReadOnlyList<string> Faults => faults;

    public void Say(string text) => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{time.GetElapsedTime(start).TotalSeconds,6:F1} s] {text}"));

    public void Add(string workload, string engine, string metric, double value, string unit) => results.Add(new BenchResult(workload, engine, metric, Math.Round(value, 5), unit));

    /// <summary>What an engine's servers said of themselves; all its figures are marked by it.</summary>
    public void Durability(string engine, Durability said)
    {
        durability[engine] = said;
        Say($"{engine}: log {said.Log}; store {said.Store}");
        if (said.Void is { } why) Fault($"VOID, {engine}: {why}");
    }

    public void Fault(string text)
    {
        faults.Add(text);
        Say(text);
    }

    /// <summary>Deliveries for each second of the server's CPU at a rate (messages a second), for the ratios.</summary>
    public void Work(string workload, string engine, double rate, double deliveriesPerCpuSecond) => works[(workload, engine)] = new WorkDone(rate, deliveriesPerCpuSecond, null);

    /// <summary>The same of the bare broadcaster at that rate.</summary>
    public void BareWork(string workload, string engine, double deliveriesPerCpuSecond) =>
        works[(workload, engine)] = works[(workload, engine)] with { Bare = deliveriesPerCpuSecond };

    /// <summary>The rates at which engines were measured.</summary>
    public IReadOnlyList<(string Engine, double Rate)> RatesOf(string workload) => [.. works.Where(w => w.Key.Workload == workload).Select(w => (w.Key.Engine, w.Value.Rate))];

    /// <summary>The cell's work for a second of CPU as a share of the bare broadcaster's at the same rate; the embedded engine's have the plain name.</summary>
    public IReadOnlyDictionary<string, double> Ratios()
    {
        var ratios = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var ((workload, engine), work) in works)
        {
            if (work.Bare is { } bare && !IsVoid(engine)) ratios[$"{workload}_deliveries_per_cpu_second_vs_bare" + (engine == "embedded" ? "" : "_" + engine)] = Math.Round(work.Cell / bare, 4);
        }
        if (!IsVoid("embedded") && Find("idle", "embedded", "memory_per_connection") is { } ours && Find("idle", Bare, "memory_per_connection") is { } theirs && theirs > 0)
            ratios["idle_memory_vs_bare"] = Math.Round(ours / theirs, 3);
        return ratios;
    }

    public double? Find(string workload, string engine, string metric) => results.Find(r => r.Workload == workload && r.Engine == engine && r.Metric == metric)?.Value;

    /// <summary>Prints the table with the targets, and says whether all were met.</summary>
    public bool Print(IReadOnlyList<Target> targets)
    {
        output.WriteLine();
        output.WriteLine($"{"workload",-9} {"engine",-22} {"metric",-46} {"value",12} {"unit",-6} target");
        foreach (var r in results)
        {
            var target = targets.FirstOrDefault(t => t.Workload == r.Workload && t.Engine == r.Engine && t.Metric == r.Metric);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Workload,-9} {r.Engine,-22} {r.Metric,-46} {Text(r.Value),12} {r.Unit,-6} {(IsVoid(r.Engine) ? "void" : target?.Judge(r.Value))}"));
        }
        foreach (var (name, value) in Ratios())
        {
            var target = targets.FirstOrDefault(t => t.Metric == name);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"ratio",-9} {"",-22} {name,-46} {value,12:F3} {"",-6} {target?.Judge(value)}"));
        }
        output.WriteLine();
        foreach (var (engine, said) in durability) output.WriteLine($"{engine}: log {said.Log}; store {said.Store}{(said.Void is { } why ? $"; VOID: {why}" : "")}");
        return targets.All(t => (Find(t.Workload, t.Engine, t.Metric) ?? (Ratios().TryGetValue(t.Metric, out var ratio) ? ratio : null)) is not { } value || (t.IsMet(value) && !IsVoid(t.Engine)));
    }

    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, JsonSerializer.Serialize(new BenchFile([.. results.Select(r => r with { Engine = LabelOf(r.Engine) })], Ratios()), BenchJson.Default.BenchFile) + "\n");
    }

    private bool IsVoid(string engine) => durability.TryGetValue(engine, out var said) && said.Void is not null;

    /// <summary>Nobody who reads the file may take a void figure for a good one.</summary>
    private string LabelOf(string engine) => IsVoid(engine) && engine != Engine.KafkaMock ? engine + "-void" : engine;

    private sealed record WorkDone(double Rate, double Cell, double? Bare);

    private static string Text(double value) => value.ToString(Math.Abs(value) switch { >= 1_000 => "F0", >= 10 => "F1", _ => "F3" }, CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BenchFile))]
internal sealed partial class BenchJson : JsonSerializerContext;
