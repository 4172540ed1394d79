using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Topology.Tests;

public sealed class CellMapTests
{
    private const string Anna = "eu-west-1.01JD0000000000000000000001";

    [Fact]
    public void HomeOf_UserOfACell_IsTheBirthCell() => Assert.Equal("eu-west-1", Maps.TwoRegions().HomeOf(Anna)?.Name);

    [Fact]
    public void HomeOf_RetiredCell_IsTheLastSuccessor()
    {
        var map = Maps.Create(Maps.Cell("a", 1, "eu", successor: "b"), Maps.Cell("b", 2, "eu", successor: "c"), Maps.Cell("c", 3, "eu"));
        Assert.Equal("c", map.HomeOf("a.01JD0000000000000000000001")?.Name);
        Assert.Equal("c", map.HomeOf("b.01JD0000000000000000000001")?.Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("eu-west-1")]
    [InlineData("eu-west-1.")]
    [InlineData(".01JD0000000000000000000001")]
    [InlineData("eu-west-1.01jd0000000000000000000001")]
    [InlineData("eu-west-1.81JD0000000000000000000001")]
    [InlineData("eu-west-1.01JD000000000000000000000")]
    [InlineData("eu-west-1.01JD00000000000000000000011")]
    [InlineData("EU-WEST-1.01JD0000000000000000000001")]
    [InlineData("eu.west.01JD0000000000000000000001")]
    [InlineData("mars-1.01JD0000000000000000000001")]
    public void HomeOf_NoUserIdOrNoSuchCell_IsNull(string userId) => Assert.Null(Maps.TwoRegions().HomeOf(userId));

    [Fact]
    public void Lookups_AllocateNothing()
    {
        var map = Maps.TwoRegions();
        var text = $"/v1/users/{Anna}/tokens";
        // The steady state is meant: until the JIT has recompiled the lookups, generic checks in them box.
        var allocated = long.MaxValue;
        for (var started = TimeProvider.System.GetTimestamp(); allocated != 0 && TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(60);)
        {
            var found = 0;
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 10_000; i++) found += Look(map, text);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(30_000, found);
        }
        Assert.Equal(0, allocated);

        static int Look(CellMap map, string path)
        {
            var userId = path.AsSpan(10, Anna.Length);
            return (map.HomeOf(userId) is null ? 0 : 1) + (map.Find(userId[..9]) is null ? 0 : 1) + (map.HasRegion(userId[..7]) ? 1 : 0);
        }
    }

    [Fact]
    public void PickForNewUser_Weights_GiveShares()
    {
        var map = Maps.Create(Maps.Cell("a", 1, "eu", weight: 300), Maps.Cell("b", 2, "eu", weight: 100), Maps.Cell("c", 3, "eu", weight: 0), Maps.Cell("d", 4, "eu", state: CellState.Draining));
        var random = new Random(7);
        var picks = Enumerable.Range(0, 4_000).Select(_ => map.PickForNewUser("eu", random)!.Name).CountBy(n => n).ToDictionary(n => n.Key, n => n.Value);
        Assert.Equal(["a", "b"], picks.Keys.Order());
        Assert.InRange(picks["a"], 2_850, 3_150);
    }

    [Fact]
    public void PickForNewUser_UnavailableCell_IsLeftOut()
    {
        var map = Maps.Create(Maps.Cell("a", 1, "eu", weight: 1000), Maps.Cell("b", 2, "eu", weight: 1));
        for (var i = 0; i < 100; i++) Assert.Equal("b", map.PickForNewUser("eu", new Random(i), c => c.Name != "a")?.Name);
        Assert.Null(map.PickForNewUser("eu", new Random(1), _ => false));
        Assert.Null(map.PickForNewUser("mars", new Random(1)));
    }

    [Fact]
    public void CellOfHandle_EveryShard_BelongsToItsRange()
    {
        CellEntry[] cells = [Maps.Cell("a", 1, "eu"), Maps.Cell("b", 2, "eu")];
        var map = CellMap.Create(1, cells, new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu"] = [new(128, 255, "b"), new(0, 127, "a")] }, new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 });
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), n =>
        {
            var handle = new Handle($"user{n & int.MaxValue}", "eu");
            return map.CellOfHandle(handle)!.Name == (handle.Shard < 128 ? "a" : "b");
        }).QuickCheckThrowOnFailure();
        Assert.Null(map.CellOfHandle(new Handle("anna", "mars")));
    }

    public static TheoryData<string, CellEntry[]> BadCells => new()
    {
        { "two cells are named 'a'", [Maps.Cell("a", 1, "eu"), Maps.Cell("a", 2, "eu")] },
        { "number 1 is used by 'a' and 'b'", [Maps.Cell("a", 1, "eu"), Maps.Cell("b", 1, "eu")] },
        { "'EU' is not a cell name", [Maps.Cell("EU", 1, "eu")] },
        { "'-a' is not a cell name", [Maps.Cell("-a", 1, "eu")] },
        { "'a.b' is not a cell name", [Maps.Cell("a.b", 1, "eu")] },
        { "is not a cell name", [Maps.Cell(new string('a', 41), 1, "eu")] },
        { "'eu/west' is not a region name", [Maps.Cell("a", 1, "eu/west")] },
        { "number 0 is not within", [Maps.Cell("a", 0, "eu")] },
        { "number 65536 is not within", [Maps.Cell("a", 65_536, "eu") with { Endpoints = new(new Uri("http://h"), new Uri("http://h")) }] },
        { "weight -1 is not within", [Maps.Cell("a", 1, "eu", weight: -1)] },
        { "unknown state 9", [Maps.Cell("a", 1, "eu", state: (CellState)9)] },
        { "its successor 'x' is not there", [Maps.Cell("a", 1, "eu", successor: "x")] },
        { "'a': its successors run in a circle", [Maps.Cell("a", 1, "eu", successor: "b"), Maps.Cell("b", 2, "eu", successor: "a")] },
        { "'a': its successors run in a circle", [Maps.Cell("a", 1, "eu", successor: "a")] },
        { "public endpoint 'ftp://h' is not", [Maps.Cell("a", 1, "eu") with { Endpoints = new(new Uri("ftp://h"), new Uri("http://h")) }] },
        { "internal endpoint 'http://h/x' is not", [Maps.Cell("a", 1, "eu") with { Endpoints = new(new Uri("http://h"), new Uri("http://h/x")) }] },
        { "public endpoint 'host' is not", [Maps.Cell("a", 1, "eu") with { Endpoints = new(new Uri("host", UriKind.Relative), new Uri("http://h")) }] },
        { "key 'k' is not EC P-256", [Maps.Cell("a", 1, "eu", keys: new CellKey("k", "RSA", "P-256", new string('A', 43), new string('A', 43)))] },
        { "key 'k' needs x and y", [Maps.Cell("a", 1, "eu", keys: new CellKey("k", "EC", "P-256", "AA", new string('A', 43)))] },
        { "two keys have kid 'k'", [Maps.Cell("a", 1, "eu", keys: [new("k", "EC", "P-256", new string('A', 43), new string('A', 43)), new("k", "EC", "P-256", new string('A', 43), new string('A', 43))])] },
    };

    [Theory]
    [MemberData(nameof(BadCells))]
    public void Create_BadCell_SaysWhatIsWrong(string expected, CellEntry[] cells)
    {
        var numbers = new Dictionary<string, int>();
        foreach (var cell in cells) numbers.TryAdd(cell.Name, cell.Number);
        var exception = Assert.Throws<CellMapException>(() => CellMap.Create(1, cells, Maps.Shards(cells), numbers));
        Assert.Contains(exception.Errors, e => e.Contains(expected, StringComparison.Ordinal));
    }

    public static TheoryData<string, HandleShardRange[]> BadShards => new()
    {
        { "cover 0 to 254", [new(0, 254, "a")] },
        { "expected to start at 0", [new(1, 255, "a")] },
        { "expected to start at 100", [new(0, 99, "a"), new(101, 255, "a")] },
        { "expected to start at 100", [new(0, 99, "a"), new(99, 255, "a")] },
        { "ends past 255", [new(0, 256, "a")] },
        { "cell 'x' is not there", [new(0, 255, "x")] },
        { "cell 'b' is of region 'us'", [new(0, 255, "b")] },
        { "cover 0 to -1", [] },
    };

    [Theory]
    [MemberData(nameof(BadShards))]
    public void Create_BadShards_SaysWhatIsWrong(string expected, HandleShardRange[] ranges)
    {
        CellEntry[] cells = [Maps.Cell("a", 1, "eu"), Maps.Cell("b", 2, "us")];
        var shards = Maps.Shards(cells);
        shards["eu"] = ranges;
        var exception = Assert.Throws<CellMapException>(() => CellMap.Create(1, cells, shards, cells.ToDictionary(c => c.Name, c => c.Number)));
        Assert.Contains(exception.Errors, e => e.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Create_NumbersThatDisagree_SaysSo()
    {
        CellEntry[] cells = [Maps.Cell("a", 1, "eu")];
        Assert.Contains("missing in numbers", Assert.Throws<CellMapException>(() => CellMap.Create(1, cells, Maps.Shards(cells), new Dictionary<string, int>())).Message);
        Assert.Contains("but numbers says 2", Assert.Throws<CellMapException>(() => CellMap.Create(1, cells, Maps.Shards(cells), new Dictionary<string, int> { ["a"] = 2 })).Message);
        Assert.Contains("number 1 is used by 'a' and 'gone'", Assert.Throws<CellMapException>(() => CellMap.Create(1, cells, Maps.Shards(cells), new Dictionary<string, int> { ["a"] = 1, ["gone"] = 1 })).Message);
    }

    [Fact]
    public void Create_VersionZeroOrRegionWithoutShards_IsRefused()
    {
        CellEntry[] cells = [Maps.Cell("a", 1, "eu")];
        Assert.Contains("version 0", Assert.Throws<CellMapException>(() => Maps.Create(0, cells)).Message);
        Assert.Contains("region 'eu' has cells but no handle shards", Assert.Throws<CellMapException>(() =>
            CellMap.Create(1, cells, new Dictionary<string, IReadOnlyList<HandleShardRange>>(), new Dictionary<string, int> { ["a"] = 1 })).Message);
    }
}
