namespace Chat.Cells.Topology.Tests;

public sealed class HandleTests
{
    [Theory]
    [InlineData("anna@eu-west", "anna", "eu-west")]
    [InlineData("Anna.B_c-9@EU-West", "anna.b_c-9", "eu-west")]
    [InlineData("00@r", "00", "r")]
    public void TryParse_Handle_IsLowerCased(string text, string name, string region)
    {
        Assert.True(Handle.TryParse(text, out var handle));
        Assert.Equal(new Handle(name, region), handle);
        Assert.Equal($"{name}@{region}", handle.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("anna")]
    [InlineData("a@eu")]
    [InlineData("@eu")]
    [InlineData("anna@")]
    [InlineData("an@na@eu")]
    [InlineData(".anna@eu")]
    [InlineData("änna@eu")]
    [InlineData("an na@eu")]
    [InlineData("anna@e u")]
    [InlineData("abcdefghijklmnopqrstuvwxyz012345@eu")]
    public void TryParse_NoHandle_IsFalse(string text) => Assert.False(Handle.TryParse(text, out _));

    [Theory]
    [InlineData("anna")]
    [InlineData("bob")]
    [InlineData("x9.y_z-1")]
    public void ShardOf_AnyCase_IsTheSame(string name) => Assert.Equal(Handle.ShardOf(name), Handle.ShardOf(name.ToUpperInvariant()));

    // Fixed for ever: claims are stored by shard. FNV-1a("a") = e40c292c, FNV-1a("foobar") = bf9cf968 (the algorithm's published vectors), folded.
    [Theory]
    [InlineData("a", 0xe4 ^ 0x0c ^ 0x29 ^ 0x2c)]
    [InlineData("foobar", 0xbf ^ 0x9c ^ 0xf9 ^ 0x68)]
    public void ShardOf_KnownNames_IsFnv1aFolded(string name, int shard) => Assert.Equal(shard, Handle.ShardOf(name));

    [Fact]
    public void ShardOf_ManyNames_SpreadEvenly()
    {
        var counts = new int[Handle.ShardCount];
        for (var i = 0; i < 256_000; i++) counts[Handle.ShardOf($"user{i}")]++;
        Assert.InRange(counts.Min(), 800, 1_000);
        Assert.InRange(counts.Max(), 1_000, 1_200);
    }

    [Fact]
    public void UserId_Create_ReadsBack()
    {
        var id = UserId.Create("eu-west-1", Ulid.NewUlid());
        Assert.True(UserId.TryGetBirthCell(id, out var cell));
        Assert.Equal("eu-west-1", cell.ToString());
    }
}
