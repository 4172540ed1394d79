using System.Xml.Linq;
using Chat.Cells.Bench.CommandLine;
using Chat.Cells.Bench.Growth;
using Chat.Cells.Bench.Measure;

namespace Chat.Cells.Bench.Tests;

public sealed class GrowthTests : IDisposable
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private readonly string folder = Directory.CreateTempSubdirectory("growth-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Draw_EveryCurve_HasAPanelForEachCostWithUnitsAndSizes()
    {
        var svg = XDocument.Parse(GrowthPlot.Draw(Growth()));

        var texts = svg.Descendants(Svg + "text").Select(t => t.Value).ToArray();
        Assert.Equal(2, texts.Count(t => t == "CPU-seconds per 1,000 deliveries"));
        Assert.Equal(2, texts.Count(t => t == "latency of a delivery, ms"));
        Assert.Equal(3, texts.Count(t => t == "10,000"));
        Assert.Contains("kafka-mock", texts);
        // CPU, p50, p99, memory; of the gateways their part of the CPU too.
        Assert.Equal(4 + 5, svg.Descendants(Svg + "polyline").Count());
    }

    [Fact]
    public void Draw_HigherCost_IsHigherInThePicture()
    {
        var svg = XDocument.Parse(GrowthPlot.Draw(Growth()));

        var heights = svg.Descendants(Svg + "polyline").First().Attribute("points")!.Value.Split(' ').Select(p => double.Parse(p.Split(',')[1], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(3, heights.Length);
        Assert.True(heights[2] < heights[0]);
    }

    [Fact]
    public void Draw_DarkPage_HasColoursOfItsOwn() => Assert.Contains("@media (prefers-color-scheme:dark)", GrowthPlot.Draw(Growth()), StringComparison.Ordinal);

    [Theory]
    [InlineData(0.9, 0.5)]
    [InlineData(1, 0.5)]
    [InlineData(81, 50)]
    [InlineData(0.03, 0.01)]
    [InlineData(0, 1)]
    public void Step_IsARoundNumber(double highest, double step) => Assert.Equal(step, GrowthPlot.Step(highest), 9);

    [Fact]
    public void Put_Twice_ReplacesWhatStoodBetweenTheMarksOnly()
    {
        var page = $"before\n{GrowthTable.Begin}\nold\n{GrowthTable.End}\nafter\n";

        var once = GrowthTable.Put(page, Growth());
        var twice = GrowthTable.Put(once, Growth());

        Assert.Equal(once, twice);
        Assert.StartsWith("before\n", once, StringComparison.Ordinal);
        Assert.EndsWith($"{GrowthTable.End}\nafter\n", once, StringComparison.Ordinal);
        Assert.DoesNotContain("old", once, StringComparison.Ordinal);
        Assert.Contains("| connected users | 10,000 | embedded | 1,000 | 0.300 | 2.0, 20.0 | 200 | 0.05 |", once, StringComparison.Ordinal);
        Assert.Contains("| gateway processes | 4 | kafka-mock | 900, late | 0.300 (gateways 0.100) |", once, StringComparison.Ordinal);
        Assert.Contains("the broker is a mock", once, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no marks")]
    [InlineData("<!-- end of growth --> <!-- growth: written by `make bench-growth` -->")]
    public void Put_PageWithoutBothMarks_IsRefused(string page) => Assert.Throws<BenchException>(() => GrowthTable.Put(page, Growth()));

    [Fact]
    public void With_OneCurveMeasuredAgain_KeepsTheOthersInOrder()
    {
        var again = Growth().Series[0] with { Load = "again" };

        var growth = Growth().With([again], ["users", "members", "gateways"]);

        Assert.Equal([("users", "again"), ("gateways", "load")], growth.Series.Select(s => (s.Name, s.Load)));
    }

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        var file = Path.Combine(folder, "growth.json");

        Growth().Write(file);

        Assert.Equal(GrowthPlot.Draw(Growth()), GrowthPlot.Draw(GrowthFile.Read(file)!));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"cores":2}""")]
    [InlineData("""{"cores":2,"series":[{"name":"users"}]}""")]
    [InlineData("{")]
    public void Read_SomethingElse_IsRefused(string text)
    {
        var file = Path.Combine(folder, "growth.json");
        File.WriteAllText(file, text);

        Assert.Throws<BenchException>(() => GrowthFile.Read(file));
    }

    [Fact]
    public void Read_NoFile_IsNull() => Assert.Null(GrowthFile.Read(Path.Combine(folder, "none.json")));

    [Fact]
    public void Parse_Series_ChoosesThem() => Assert.Equal(["gateways", "users"], GrowthOptions.Parse(["--series", "gateways,users"]).Series);

    [Theory]
    [InlineData("--series", "routers")]
    [InlineData("--series", "")]
    [InlineData("--quick", "yes")]
    public void Parse_BadOption_IsRefused(string name, string value) => Assert.Throws<BenchException>(() => GrowthOptions.Parse([name, value]));

    [Fact]
    public void Parse_OptionWithoutValue_IsRefused() => Assert.Throws<BenchException>(() => GrowthOptions.Parse(["--series"]));

    [Fact]
    public void MachineCpu_LineOfStat_CountsWorkAndStolenTimeButNoWaiting() =>
        Assert.Equal(1.5, MachineCpu.Parse("cpu  100 10 20 7000 300 40 50 20 0 0"), 9);

    [Fact]
    public void MachineCpu_ThisMachine_HasWorkedAtLeastAsMuchAsThisProcess() => Assert.True(MachineCpu.Seconds >= MachineCpu.OwnSeconds - 0.1);

    private static GrowthFile Growth() => new(
        2,
        [
            new GrowthSeries("users", "connected users", "embedded", "load", null, [Point(100, 0.1, null), Point(1_000, 0.2, null), Point(10_000, 0.3, null)]),
            new GrowthSeries("gateways", "gateway processes", "kafka-mock", "load", "the broker is a mock", [Point(1, 0.1, 0.05), Point(2, 0.2, 0.07), Point(4, 0.3, 0.1)]),
        ]);

    private static GrowthPoint Point(int size, double cpu, double? gateways) =>
        new(size, gateways is null ? 1_000 : 900, gateways is null, cpu, gateways, null, 2, 20, 0.5, 200, 0.05);
}
