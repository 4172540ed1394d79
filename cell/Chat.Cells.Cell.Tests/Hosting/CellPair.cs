using System.Security.Cryptography;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>Two whole cells that know each other: <c>eu-west-1</c> and another, in its region or elsewhere. Where they share a region, each decides half of its handles.</summary>
internal sealed class CellPair : IAsyncDisposable
{
    private const string FirstName = "eu-west-1";
    private const string FirstRegion = "eu-west";

    private readonly HeldPort[] ports = [new(), new(), new(), new()];
    private readonly Uri[] urls;
    private readonly string folder = TestCell.NewFolder();
    private readonly string name;
    private readonly string region;
    private readonly Func<CellOptions, CellOptions> change;

    private CellPair(string name, string region, Func<CellOptions, CellOptions> change) =>
        (this.name, this.region, this.change, urls) = (name, region, change, [.. ports.Select(p => p.Url)]);

    public TestCell First { get; private set; } = null!;
    public TestCell Second { get; private set; } = null!;

    /// <summary>Starts both.</summary>
    /// <param name="name">The second's.</param>
    /// <param name="region">The second's.</param>
    /// <param name="change">What is different from <see cref="TestCell.DefaultOptions"/> in both.</param>
    public static async Task<CellPair> StartAsync(string name, string region, Func<CellOptions, CellOptions>? change = null)
    {
        var cells = new CellPair(name, region, change ?? (options => options));
        cells.WriteMap();
        cells.First = await cells.StartAsync(FirstName, FirstRegion, 1, cells.urls[0], cells.urls[1]);
        await cells.StartSecondAsync();
        return cells;
    }

    /// <summary>A secret's text in one cell's folder.</summary>
    public Task<string> SecretAsync(string cell, string secret) => File.ReadAllTextAsync(Path.Combine(folder, cell, "secrets", secret));

    public ValueTask StopSecondAsync() => Second.DisposeAsync();

    /// <summary>On its folder and addresses.</summary>
    public async Task StartSecondAsync() => Second = await StartAsync(name, region, 2, urls[2], urls[3]);

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
        foreach (var port in ports) port.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private void WriteMap()
    {
        var shards = region == FirstRegion
            ? new Dictionary<string, IReadOnlyList<HandleShardRange>> { [region] = [new(0, 127, FirstName), new(128, 255, name)] }
            : new Dictionary<string, IReadOnlyList<HandleShardRange>> { [FirstRegion] = [new(0, 255, FirstName)], [region] = [new(0, 255, name)] };
        CellEntry[] entries = [Entry(FirstName, FirstRegion, 1, urls[0], urls[1], Prepare(FirstName)), Entry(name, region, 2, urls[2], urls[3], Prepare(name))];
        Share(FirstName, name);
        Share(name, FirstName);
        CellMapFile.Write(Path.Combine(folder, "cells.json"), CellMap.Create(1, entries, shards, new Dictionary<string, int> { [FirstName] = 1, [name] = 2 }));
    }

    private Task<TestCell> StartAsync(string cell, string region, ushort number, Uri pub, Uri intern) => TestCell.StartAsync(
        _ => change(TestCell.DefaultOptions(Path.Combine(folder, cell), cell, region, number)) with { CellMapPath = Path.Combine(folder, "cells.json"), Public = pub, Internal = intern },
        folder: folder);

    private static CellEntry Entry(string name, string region, int number, Uri pub, Uri intern, CellKey key) =>
        new(name, number, region, 100, CellState.Active, null, new CellEndpoints(pub, intern), [key]);

    private CellKey Prepare(string cell)
    {
        var secrets = Directory.CreateDirectory(Path.Combine(folder, cell, "secrets")).FullName;
        var pem = SigningKey.CreatePem();
        File.WriteAllText(Path.Combine(secrets, "signing-k1.pem"), pem);
        return CellSecrets.Read(new Dictionary<string, string> { ["signing-k1.pem"] = pem }).Keys[0].Public;
    }

    private void Share(string cell, string with)
    {
        var token = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(folder, cell, "secrets", "peer-" + with), token);
        File.WriteAllText(Path.Combine(folder, with, "secrets", "to-" + cell), token);
    }
}
