using Cassandra;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>Lightweight transactions whose answer was lost, and servers whose clocks differ.</summary>
[Needs(Needed.Cassandra)]
[Collection("Cassandra")]
public sealed class CassandraAccountFaultTests(CassandraRing ring) : IClassFixture<CassandraRing>, IAsyncLifetime
{
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(10);

    private readonly string unique = Ulid.NewUlid().ToString();
    private readonly FaultySession session = new();
    private IAccountStore store = null!;
    private IAccountStore behind = null!;

    public async Task InitializeAsync()
    {
        store = await ring.OpenAsync(new ShiftedTime(Skew), o => o with { Between = session.Before });
        behind = await ring.OpenAsync(new ShiftedTime(-Skew));
    }

    public async Task DisposeAsync()
    {
        await ((IAsyncDisposable)store).DisposeAsync();
        await ((IAsyncDisposable)behind).DisposeAsync();
    }

    private string User(int number) => $"cell.{unique}{number}";

    private AccountRow Account(int user) => new(User(user), "h@r", "A", "hash", 1, 5);

    private DeviceRow Device(byte hash) => new(User(1), "d", "A phone", "mobile", [hash], 1, 2);

    /// <summary>The first statement fails so, the others don't.</summary>
    private void First(bool done) => session.Plan(n => n > 0 ? FaultySession.Fault.None : done ? FaultySession.Fault.DoneButTimedOut : FaultySession.Fault.Lost);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClaimHandle_AnswerLost_IsDecided(bool done)
    {
        First(done);
        Assert.True(await store.ClaimHandleAsync($"{unique}{done}", User(1), default));
        Assert.False(await behind.ClaimHandleAsync($"{unique}{done}", User(2), default));
    }

    [Fact]
    public async Task ClaimHandle_AnswerLostAndAnothersAlready_IsFalse()
    {
        await behind.ClaimHandleAsync(unique, User(2), default);
        First(done: true);
        Assert.False(await store.ClaimHandleAsync(unique, User(1), default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CreateAccount_AnswerLost_IsDecided(bool done)
    {
        First(done);
        Assert.True(await store.CreateAccountAsync(Account(1), default));
        Assert.False(await store.CreateAccountAsync(Account(1), default));
    }

    [Fact]
    public async Task CreateAccount_AnswerLostAndAnothersAlready_IsFalse()
    {
        await behind.CreateAccountAsync(Account(1) with { PasswordHash = "other" }, default);
        First(done: true);
        Assert.False(await store.CreateAccountAsync(Account(1), default));
        Assert.Equal("other", (await behind.FindAccountAsync(User(1), default))!.PasswordHash);
    }

    [Fact]
    public async Task CountAccounts_OfTwoServers_CountsBoth()
    {
        var before = await store.CountAccountsAsync(default);
        await store.CreateAccountAsync(Account(1), default);
        await store.CreateAccountAsync(Account(2), default);
        await behind.CreateAccountAsync(Account(3), default);
        await behind.CreateAccountAsync(Account(3), default);

        Assert.Equal(before + 3, await behind.CountAccountsAsync(default));
    }

    [Fact]
    public async Task CountAccounts_WhenTheCountIsLost_IsStillNotZero()
    {
        await ring.Session.ExecuteAsync(new SimpleStatement($"TRUNCATE {ring.Keyspace}.account_counts").SetTimeout(TimeSpan.FromSeconds(60)));
        session.Plan(n => n == 1 ? FaultySession.Fault.Lost : FaultySession.Fault.None);
        Assert.True(await store.CreateAccountAsync(Account(1), default));

        Assert.Equal(1, await behind.CountAccountsAsync(default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RotateRefresh_AnswerLost_IsDecided(bool done)
    {
        await store.PutDeviceAsync(Device(1), default);
        First(done);
        Assert.True(await store.RotateRefreshAsync(User(1), "d", [1], [2], default));
        Assert.Equal([2], (await behind.FindDeviceAsync(User(1), "d", default))!.RefreshHash);
    }

    [Fact]
    public async Task RotateRefresh_AnswerLostOfAUsedToken_IsFalse()
    {
        await store.PutDeviceAsync(Device(9), default);
        First(done: true);
        Assert.False(await store.RotateRefreshAsync(User(1), "d", [1], [2], default));
        Assert.False(await store.RotateRefreshAsync(User(1), "unknown", [1], [2], default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AddGeneration_AnswerLost_IsDecided(bool done)
    {
        var generation = new TopicGeneration($"{unique}{done}", 1, "id", 3, 5);
        First(done);
        Assert.True(await ((ITopicGenerations)store).TryAddGenerationAsync(generation, default));
        First(done: true);
        Assert.False(await ((ITopicGenerations)store).TryAddGenerationAsync(generation with { TopicId = "other" }, default));
        Assert.Equal([generation], await ((ITopicGenerations)behind).ListGenerationsAsync(generation.Topic, default));
    }

    [Fact]
    public async Task Device_PutByAFastClockAndChangedByASlowOne_HasTheLastChange()
    {
        await store.PutDeviceAsync(Device(1), default);
        Assert.True(await behind.RotateRefreshAsync(User(1), "d", [1], [2], default));
        Assert.Equal([2], (await store.FindDeviceAsync(User(1), "d", default))!.RefreshHash);
        await behind.PutDeviceAsync(Device(3), default);
        Assert.Equal([3], (await store.FindDeviceAsync(User(1), "d", default))!.RefreshHash);
        await behind.RemoveDeviceAsync(User(1), "d", default);
        Assert.Null(await store.FindDeviceAsync(User(1), "d", default));
    }

    [Fact]
    public async Task Contact_RemovedAndPutAgainByASlowClock_IsThere()
    {
        await store.PutContactAsync(User(1), User(2), default);
        await behind.RemoveContactAsync(User(1), User(2), default);
        Assert.Empty(await store.ListContactsAsync(User(1), default));
        await store.PutContactAsync(User(1), User(2), default);
        await store.RemoveContactAsync(User(1), User(2), default);
        await behind.PutContactAsync(User(1), User(2), default);
        Assert.Equal([User(2)], await store.ListContactsAsync(User(1), default));
    }
}
