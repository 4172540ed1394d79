using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Chat.Cells.Cell.Engines.Cassandra;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>What can be seen of statements and tables without a ring: whole partitions, bounded reads, own timestamps, no tombstones.</summary>
public sealed partial class StatementTests
{
    private static readonly IReadOnlyDictionary<string, Migrations.Table> Tables = Migrations.All.SelectMany(m => m).ToDictionary(t => t.Name);

    private static readonly string[] Texts = [.. new Cql("k").All];

    public static TheoryData<string> All => [.. Texts];

    public static TheoryData<string> Writes => [.. Texts.Where(text => !text.StartsWith("SELECT", StringComparison.Ordinal))];

    public static TheoryData<string> Reads => [.. Texts.Where(text => text.StartsWith("SELECT", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Reads))]
    public void Read_OfRows_NamesTheWholePartition(string text)
    {
        Assert.DoesNotContain("ALLOW FILTERING", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(" IN ", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("COUNT(", text, StringComparison.OrdinalIgnoreCase);
        // One row of any partition: whether the table is empty.
        if (text.EndsWith("FROM k.accounts LIMIT 1", StringComparison.Ordinal)) return;
        foreach (var column in PartitionKey(TableOf(text))) Assert.Matches($@"\b{column} = (\?|'accounts')", text);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public void Write_ThatIsNoTransaction_HasItsOwnTimestamp(string text) =>
        Assert.NotEqual(text.Contains(" IF ", StringComparison.Ordinal), text.Contains("USING TIMESTAMP ?", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Writes))]
    public void Delete_IsALightweightTransaction(string text)
    {
        if (text.StartsWith("DELETE", StringComparison.Ordinal)) Assert.EndsWith("IF EXISTS", text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public void Table_IsWrittenEitherByTransactionsOrWithTimestamps(string text)
    {
        var table = TableOf(text);
        var others = Texts.Where(other => TableOf(other) == table && !other.StartsWith("SELECT", StringComparison.Ordinal));
        Assert.Single(others.Select(other => other.Contains(" IF ", StringComparison.Ordinal)).Distinct());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Statement_TouchesATableThatAMigrationMakes(string text) => Assert.Contains(TableOf(text), Tables.Keys);

    [Theory]
    [InlineData("messages", "DAYS", 30)]
    [InlineData("user_inbox", "DAYS", 7)]
    [InlineData("inbox_buckets", "DAYS", 7)]
    [InlineData("requests", "DAYS", 1)]
    public void Table_OfRowsInTheOrderOfTime_IsCompactedInWindows(string name, string unit, int size) => Assert.Contains(
        $"'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': '{unit}', 'compaction_window_size': '{size}'", Tables[name].Create("k"), StringComparison.Ordinal);

    [Fact]
    public void Create_SameTable_IsTheSameInAllServersAndAnotherInEachKeyspace()
    {
        var table = Tables["messages"];
        Assert.Equal(table.Create("k"), table.Create("k"));
        Assert.NotEqual(IdOf(table.Create("k")), IdOf(table.Create("l")));
        Assert.NotEqual(IdOf(table.Create("k")), IdOf(Tables["channels"].Create("k")));
    }

    /// <summary>A released migration never changes: add another one instead.</summary>
    [Theory]
    [InlineData(0, "91177B289830676A")]
    [InlineData(1, "699F860CBDC77A76")]
    [InlineData(2, "31901D9DE83C99FC")]
    [InlineData(3, "076584002A4409A0")]
    public void Migration_OnceReleased_StaysAsItWas(int index, string hash) => Assert.Equal(
        hash, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Migrations.All[index].Select(table => table.Create("k"))))))[..16]);

    private static string TableOf(string text) => TableName().Match(text).Groups[1].Value;

    private static string IdOf(string text) => TableId().Match(text).Groups[1].Value;

    private static string[] PartitionKey(string table)
    {
        var columns = Tables[table].Columns;
        var compound = CompoundKey().Match(columns);
        if (compound.Success) return compound.Groups[1].Value.Split(", ");
        var simple = SimpleKey().Match(columns);
        return [simple.Success ? simple.Groups[1].Value : ColumnKey().Match(columns).Groups[1].Value];
    }

    [GeneratedRegex(@"\bk\.(\w+)")]
    private static partial Regex TableName();

    [GeneratedRegex(@"\bid = ([0-9a-f-]{36})")]
    private static partial Regex TableId();

    [GeneratedRegex(@"PRIMARY KEY \(\(([^)]+)\)")]
    private static partial Regex CompoundKey();

    [GeneratedRegex(@"PRIMARY KEY \((\w+),")]
    private static partial Regex SimpleKey();

    [GeneratedRegex(@"(\w+) \w+ PRIMARY KEY")]
    private static partial Regex ColumnKey();
}
