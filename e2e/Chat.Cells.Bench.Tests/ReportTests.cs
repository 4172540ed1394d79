using System.Text.Json;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Tests;

public sealed class ReportTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bench-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Write_HasTheNamedShape()
    {
        var report = new BenchReport(TextWriter.Null, TimeProvider.System);
        report.Add("direct", "embedded", "delivered_per_second", 4321.5, "1/s");
        report.Work("group50", "embedded", 600, 1_000);
        report.BareWork("group50", "embedded", 4_000);
        var file = Path.Combine(folder, "a", "bench.json");

        report.Write(file);

        using var json = JsonDocument.Parse(File.ReadAllText(file));
        Assert.Equal(["results", "ratios"], json.RootElement.EnumerateObject().Select(p => p.Name));
        var result = json.RootElement.GetProperty("results")[0];
        Assert.Equal(["workload", "engine", "metric", "value", "unit"], result.EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ("direct", "embedded", "delivered_per_second", 4321.5, "1/s"),
            (result.GetProperty("workload").GetString(), result.GetProperty("engine").GetString(), result.GetProperty("metric").GetString(), result.GetProperty("value").GetDouble(), result.GetProperty("unit").GetString()));
        Assert.Equal(0.25, json.RootElement.GetProperty("ratios").GetProperty("group50_deliveries_per_cpu_second_vs_bare").GetDouble());
    }

    [Fact]
    public void Print_ValueBesideItsTarget_SaysMetOrMissed()
    {
        var output = new StringWriter();
        var report = new BenchReport(output, TimeProvider.System);
        report.Add("direct", "embedded", "delivered_per_second", 3_999, "1/s");
        report.Add("idle", "embedded", "memory_per_connection", 14.9, "KB");

        Assert.False(report.Print(Target.Embedded));

        var lines = output.ToString().Split('\n');
        Assert.Contains(lines, l => l.Contains("delivered_per_second", StringComparison.Ordinal) && l.Contains("MISSED", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("memory_per_connection", StringComparison.Ordinal) && l.TrimEnd().EndsWith(": met", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--workload", "indirect")]
    [InlineData("--workload", "")]
    [InlineData("--engine", "embedded,mysql")]
    [InlineData("--idle", "0")]
    [InlineData("--idle", "19000")]
    [InlineData("--sockets", "150")]
    [InlineData("--storm", "many")]
    [InlineData("--rate", "0")]
    [InlineData("--rate", "fast")]
    [InlineData("--frobnicate", "1")]
    public void Parse_BadOption_IsRefused(string name, string value) => Assert.Throws<BenchException>(() => BenchOptions.Parse([name, value]));

    [Fact]
    public void Parse_OptionWithoutValue_IsRefused() => Assert.Throws<BenchException>(() => BenchOptions.Parse(["--idle"]));

    [Fact]
    public void Parse_KafkaMock_IsAnEngine() => Assert.Equal(["kafka-mock"], BenchOptions.Parse(["--engine", "kafka-mock"]).Engines);

    [Theory]
    [InlineData("kafka", "embedded", "embedded", "kafka")]
    [InlineData("kafka", "cassandra", "redis", "kafka+redis+cassandra")]
    [InlineData("kafka-mock", "embedded", "redis", "kafka-mock")]
    public void LabelOf_NamesWhatItRunsOn(string log, string store, string state, string label) => Assert.Equal(label, Engine.LabelOf(log, store, state));
}
