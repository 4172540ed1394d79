using System.Net;
using Chat.Cells.Router.Hosting;

namespace Chat.Cells.Router.Tests;

public sealed class RouterOptionsReaderTests
{
    private static readonly string[] Needed = ["--listen", "http://127.0.0.1:8080", "--internal", "http://[::1]:8081", "--cell-map", "/map/cells.json"];

    [Fact]
    public void Read_ArgumentsAndEnvironment_ArgumentsWin()
    {
        var environment = new Dictionary<string, string> { ["CHATCELLS_MAP_COPY"] = "/copy", ["CHATCELLS_CELL_MAP"] = "/other", ["CHATCELLS_SIGN_UPS_PER_MINUTE"] = "0" };
        var options = RouterOptionsReader.Read([.. Needed, "--allowed-origins", "http://localhost:30080, https://app.example", "--trusted-proxies", "10.0.0.0/8"], environment.GetValueOrDefault);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 8080), options.Listen);
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 8081), options.Internal);
        Assert.Equal("/map/cells.json", options.CellMap);
        Assert.Equal("/copy", options.MapCopy);
        Assert.Equal(0, options.SignUpsPerMinute);
        Assert.Equal(["http://localhost:30080", "https://app.example"], options.AllowedOrigins.Order());
        Assert.Equal([IPNetwork.Parse("10.0.0.0/8")], options.TrustedProxies);
    }

    [Theory]
    [InlineData("--nonsense", "1", "--nonsense is no option")]
    [InlineData("stray", "1", "'stray' is no option")]
    [InlineData("--listen", "8080", "--listen is '8080'")]
    [InlineData("--listen", "http://127.0.0.1:8080/x", "--listen is")]
    [InlineData("--listen", "https://127.0.0.1:8080", "--listen is")]
    [InlineData("--max-body-bytes", "-1", "--max-body-bytes is '-1'")]
    [InlineData("--hold-ms", "30001", "--hold-ms is '30001'")]
    [InlineData("--drain-seconds", "soon", "--drain-seconds is 'soon'")]
    [InlineData("--allowed-origins", "localhost", "--allowed-origins has 'localhost'")]
    [InlineData("--allowed-origins", "http://localhost/", "--allowed-origins has 'http://localhost/'")]
    [InlineData("--trusted-proxies", "10/8/8", "--trusted-proxies has")]
    public void Read_BadOption_SaysWhichAndWhy(string name, string value, string expected) =>
        Assert.Contains(expected, Assert.Throws<OptionsException>(() => RouterOptionsReader.Read([.. Needed, name, value], _ => null)).Message);

    [Fact]
    public void Read_MissingOption_SaysWhich()
    {
        Assert.Contains("--cell-map is missing", Assert.Throws<OptionsException>(() => RouterOptionsReader.Read(Needed[..4], _ => null)).Message);
        Assert.Contains("--listen is missing", Assert.Throws<OptionsException>(() => RouterOptionsReader.Read([], _ => null)).Message);
        Assert.Contains("--cell-map needs a value", Assert.Throws<OptionsException>(() => RouterOptionsReader.Read(Needed[..5], _ => null)).Message);
    }
}
