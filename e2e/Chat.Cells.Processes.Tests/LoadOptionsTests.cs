using Chat.Cells.Load;
using Chat.Cells.Load.CommandLine;

namespace Chat.Cells.Processes.Tests;

public sealed class LoadOptionsTests
{
    [Fact]
    public void Parse_RolesEnginesAndKills_AreTaken()
    {
        var options = LoadOptions.Parse(["--roles", "separate", "--engines", "real", "--kills", "fanout, redis"], defaultRate: 1);

        Assert.Equal((Placement.Separate, true), (options.Placement, options.RealEngines));
        Assert.Equal(["fanout", "redis"], options.Kills);
    }

    [Fact]
    public void Parse_NoKills_IsNotEverything()
    {
        Assert.Empty(LoadOptions.Parse(["--kills", "none"], defaultRate: 1).Kills!);
        Assert.Null(LoadOptions.Parse([], defaultRate: 1).Kills);
    }

    [Theory]
    [InlineData("--roles", "apart")]
    [InlineData("--engines", "mock")]
    [InlineData("--direct", "maybe")]
    [InlineData("--nothing", "x")]
    [InlineData("--messages", "0")]
    public void Parse_BadOption_IsRefused(string name, string value)
    {
        var error = Assert.Throws<LoadException>(() => LoadOptions.Parse([name, value], defaultRate: 1));

        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }
}
