using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Topology.Tests;

public sealed class CellMapFileTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("topology").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public void Serialize_ParsedAgain_IsTheSameText()
    {
        var gen = from count in Gen.Choose(0, 6)
                  from seed in Gen.Choose(0, int.MaxValue)
                  select RandomMap(count, new Random(seed));
        Prop.ForAll(gen.ToArbitrary(), map =>
        {
            var text = CellMapFile.Serialize(map);
            return CellMapFile.Serialize(CellMapFile.Parse(text)) == text;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Serialize_PartsInAnotherOrder_IsTheSameText()
    {
        var one = Maps.Create(Maps.Cell("a", 1, "eu"), Maps.Cell("b", 2, "us"));
        var other = CellMap.Create(1, one.Cells.Reverse().ToArray(), one.HandleShards.Reverse().ToDictionary(), one.Numbers.Reverse().ToDictionary());
        Assert.Equal(CellMapFile.Serialize(one), CellMapFile.Serialize(other));
    }

    // Other writers and readers rely on this text.
    [Fact]
    public void Serialize_SmallMap_IsThisText() => Assert.Equal(
        """{"version":3,"checksum":"sha256:b5bffa63da5ffe4ad1e879b3d2e4d8dbc5c6eccd072400786fb895d6bd3bedf7","cells":[{"name":"a","number":1,"region":"eu","weight":100,"state":"Active","successor":null,"endpoints":{"public":"http://127.0.1.1:8080","internal":"http://127.0.1.1:8081"},"keys":[]}],"handleShards":{"eu":[{"from":0,"to":255,"cell":"a"}]},"numbers":{"a":1}}""",
        CellMapFile.Serialize(Maps.Create(3, Maps.Cell("a", 1, "eu"))));

    [Fact]
    public void Parse_IndentedText_IsTaken()
    {
        var text = CellMapFile.Serialize(Maps.TwoRegions(7));
        var indented = System.Text.Json.Nodes.JsonNode.Parse(text)!.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true });
        Assert.Equal(7, CellMapFile.Parse(indented + "\n").Version);
    }

    [Fact]
    public void Parse_AnyChangedByte_IsRefused()
    {
        var bytes = Encoding.UTF8.GetBytes(CellMapFile.Serialize(Maps.TwoRegions(7)));
        for (var i = 0; i < bytes.Length; i++)
        {
            var changed = bytes.ToArray();
            changed[i] ^= 1;
            try
            {
                // What is read in spite of the change must mean the same (a letter's case in the checksum).
                Assert.Equal(Encoding.UTF8.GetString(bytes), CellMapFile.Serialize(CellMapFile.Parse(changed)));
            }
            catch (CellMapException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"version\":1")]
    [InlineData("{\"version\":\"x\",\"checksum\":\"\",\"cells\":[],\"handleShards\":{},\"numbers\":{}}")]
    [InlineData("{\"version\":1,\"checksum\":\"\",\"cells\":[],\"handleShards\":{},\"numbers\":{}}")]
    [InlineData("{\"version\":1,\"checksum\":\"\",\"cells\":[null],\"handleShards\":{},\"numbers\":{}}")]
    [InlineData("{\"version\":1,\"version\":2,\"checksum\":\"\",\"cells\":[],\"handleShards\":{},\"numbers\":{}}")]
    [InlineData("{\"version\":1,\"checksum\":\"\",\"cells\":[{\"name\":\"a\"}],\"handleShards\":{},\"numbers\":{}}")]
    [InlineData("{\"version\":1,\"checksum\":\"\",\"cells\":null,\"handleShards\":{},\"numbers\":{}}")]
    public void Parse_NoMap_IsRefused(string text) => Assert.Throws<CellMapException>(() => CellMapFile.Parse(text));

    [Fact]
    public void Parse_MembersOfANewerWriter_AreIgnoredButCovered()
    {
        var text = CellMapFile.Serialize(Maps.TwoRegions(7));
        var unsigned = System.Text.RegularExpressions.Regex.Replace(text, "sha256:[0-9a-f]+", "").Replace("\"version\":7", "\"version\":7,\"pins\":{\"x\":1}", StringComparison.Ordinal);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(unsigned)));
        var signed = unsigned.Replace("\"checksum\":\"\"", $"\"checksum\":\"sha256:{hash}\"", StringComparison.Ordinal);
        Assert.Equal(7, CellMapFile.Parse(signed).Version);
        Assert.Throws<CellMapException>(() => CellMapFile.Parse(signed.Replace("{\"x\":1}", "{\"x\":2}", StringComparison.Ordinal)));
    }

    [Fact]
    public void Write_ExistingFile_IsReplacedAndLeavesNothingElse()
    {
        var path = Path.Combine(directory, "sub", CellMapFile.FileName);
        CellMapFile.Write(path, Maps.TwoRegions(1));
        CellMapFile.Write(path, Maps.TwoRegions(2));
        Assert.Equal(2, CellMapFile.Read(path).Version);
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Read_HugeFile_IsRefused()
    {
        var path = Path.Combine(directory, "huge.json");
        File.WriteAllText(path, new string(' ', CellMapFile.MaxBytes + 1));
        Assert.Contains("larger than", Assert.Throws<CellMapException>(() => CellMapFile.Read(path)).Message);
    }

    private static CellMap RandomMap(int count, Random random)
    {
        var cells = Enumerable.Range(1, count).Select(n => Maps.Cell($"c{n}", n, $"r{random.Next(3)}", random.Next(1001), (CellState)random.Next(3))).ToArray();
        for (var i = 1; i < cells.Length; i++)
        {
            if (random.Next(4) == 0) cells[i] = cells[i] with { Successor = cells[random.Next(i)].Name };
        }
        return Maps.Create(random.Next(1, 1000), cells);
    }
}
