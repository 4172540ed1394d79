using System.Text.Json;
using Chat.Cells.Bench.Report;
using Chat.Cells.Bench.Servers;

namespace Chat.Cells.Bench.Tests;

public sealed class DurabilityTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("bench-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Read_AllDurable_IsNotVoid()
    {
        var said = Durability.Read(Status("segment-files", true, "sqlite", true), "ext4", null);

        Assert.Equal(new Durability("segment-files: how", "sqlite: how", null), said);
    }

    [Theory]
    [InlineData("segment-files", true, "sqlite", false, "ext4", null, "the store is not durable")]
    [InlineData("kafka", false, "cassandra", true, "ext4", null, "the log is not durable")]
    [InlineData("segment-files", true, "sqlite", true, "tmpfs", null, "tmpfs")]
    [InlineData("kafka", true, "sqlite", true, "ext4", "a mock", "a mock")]
    public void Read_SomethingNotDurable_IsVoidAndSaysWhy(string log, bool logDurable, string store, bool storeDurable, string fileSystem, string? notDurable, string why) =>
        Assert.Contains(why, Durability.Read(Status(log, logDurable, store, storeDurable), fileSystem, notDurable).Void, StringComparison.Ordinal);

    [Fact]
    public void Read_NothingOnThisDisk_FileSystemDoesNotMatter() => Assert.Null(Durability.Read(Status("kafka", true, "cassandra", true), "tmpfs", null).Void);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"durability":{"log":null,"store":null}}""")]
    [InlineData("""{"durability":{"log":{"engine":"kafka","durable":"yes","detail":""}}}""")]
    [InlineData("not JSON")]
    public void Read_AnswerThatDoesNotSay_IsRefused(string status) => Assert.Throws<BenchException>(() => Durability.Read(status, "ext4", null));

    [Fact]
    public void Report_VoidEngine_IsMarkedInTableAndFile()
    {
        var output = new StringWriter();
        var report = new BenchReport(output, TimeProvider.System);
        report.Durability("embedded", new Durability("l", "s", "the store is not durable"));
        report.Add("direct", "embedded", "delivered_per_second", 9_000, "1/s");
        report.Add("direct", BenchReport.Bare, "delivered_per_second", 9_000, "1/s");
        report.Work("group50", "embedded", 600, 1_000);
        report.BareWork("group50", "embedded", 2_000);
        var file = Path.Combine(folder, "bench.json");

        Assert.False(report.Print(Target.Embedded));
        report.Write(file);

        var row = output.ToString().Split('\n').Single(l => l.StartsWith("direct", StringComparison.Ordinal) && l.Contains(" embedded ", StringComparison.Ordinal));
        Assert.EndsWith("void", row.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains(report.Faults, f => f.Contains("VOID, embedded", StringComparison.Ordinal));
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        var results = json.RootElement.GetProperty("results");
        Assert.Equal(["embedded-void", "bare"], results.EnumerateArray().Select(r => r.GetProperty("engine").GetString()));
        Assert.Contains(output.ToString().Split('\n'), l => l.StartsWith("embedded: log l; store s; VOID: the store is not durable", StringComparison.Ordinal));
        Assert.Empty(json.RootElement.GetProperty("ratios").EnumerateObject());
    }

    [Fact]
    public void Write_MockBroker_KeepsItsLabel()
    {
        var report = new BenchReport(TextWriter.Null, TimeProvider.System);
        report.Durability("kafka-mock", new Durability("l", "s", "the broker is a mock"));
        report.Add("direct", "kafka-mock", "delivered_per_second", 100, "1/s");
        var file = Path.Combine(folder, "bench.json");

        report.Write(file);

        using var json = JsonDocument.Parse(File.ReadAllText(file));
        Assert.Equal("kafka-mock", json.RootElement.GetProperty("results")[0].GetProperty("engine").GetString());
    }

    private static string Status(string log, bool logDurable, string store, bool storeDurable) => JsonSerializer.Serialize(new
    {
        durability = new
        {
            log = new { engine = log, durable = logDurable, detail = "how" },
            store = new { engine = store, durable = storeDurable, detail = "how" },
        },
    });
}
