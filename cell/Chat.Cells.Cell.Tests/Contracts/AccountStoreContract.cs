using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>What every <see cref="IAccountStore"/> owes its callers. Names are unique to each test, so it may run on shared servers.</summary>
public abstract class AccountStoreContract : IAsyncLifetime
{
    private readonly string unique = Ulid.NewUlid().ToString();

    protected IAccountStore Store { get; private set; } = null!;

    protected abstract ValueTask<IAccountStore> OpenAsync();

    /// <summary>Closes the store and removes what it left.</summary>
    protected abstract ValueTask CloseAsync();

    /// <summary>For the line at the end of the run; null where it says nothing.</summary>
    protected virtual string? EngineVersion => null;

    public async Task InitializeAsync()
    {
        Store = await OpenAsync();
        ContractRuns.Ran(GetType(), EngineVersion);
    }

    public async Task DisposeAsync() => await CloseAsync();

    private string User(int number) => $"cell.{unique}{number}";

    private string Handle => $"{unique}@eu-west";

    private DeviceRow Device(string id, byte hash = 1) => new(User(1), id, "A phone", "mobile", [hash, 0, hash], 1000, 2000);

    [Fact]
    public async Task ClaimHandle_Free_IsTrueAgainForTheSameAndFalseForAnother()
    {
        Assert.Null(await Store.FindHandleAsync(Handle, default));
        Assert.True(await Store.ClaimHandleAsync(Handle, User(1), default));
        Assert.True(await Store.ClaimHandleAsync(Handle, User(1), default));
        Assert.False(await Store.ClaimHandleAsync(Handle, User(2), default));
        Assert.Equal(User(1), await Store.FindHandleAsync(Handle, default));
    }

    [Fact]
    public async Task ClaimHandle_ByManyAtOnce_OneGetsIt()
    {
        var claims = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(async () => await Store.ClaimHandleAsync(Handle, User(i), default))));

        var winner = Assert.Single(Enumerable.Range(0, 30), i => claims[i]);
        Assert.Equal(User(winner), await Store.FindHandleAsync(Handle, default));
    }

    [Fact]
    public async Task CreateAccount_Twice_KeepsTheFirst()
    {
        var account = new AccountRow(User(1), Handle, "Änna ☃", "$pbkdf2$1$salt$hash", 1, 12345);
        var before = await Store.CountAccountsAsync(default);

        Assert.True(await Store.CreateAccountAsync(account, default));
        Assert.False(await Store.CreateAccountAsync(account with { DisplayName = "other" }, default));

        Assert.Equal(account, await Store.FindAccountAsync(User(1), default));
        Assert.Null(await Store.FindAccountAsync(User(2), default));
        Assert.True(await Store.CountAccountsAsync(default) > before);
    }

    [Fact]
    public async Task Devices_PutListedAndRemoved()
    {
        await Store.PutDeviceAsync(Device("b"), default);
        await Store.PutDeviceAsync(Device("a"), default);
        await Store.PutDeviceAsync(Device("a", 9), default);

        var listed = await Store.ListDevicesAsync(User(1), default);
        Assert.Equal(["a", "b"], listed.Select(device => device.DeviceId).Order());
        var found = await Store.FindDeviceAsync(User(1), "a", default);
        Assert.NotNull(found);
        Assert.Equal([9, 0, 9], found.RefreshHash);
        Assert.Equal(Device("a", 9) with { RefreshHash = found.RefreshHash }, found);

        await Store.RemoveDeviceAsync(User(1), "a", default);
        Assert.Null(await Store.FindDeviceAsync(User(1), "a", default));
        Assert.Single(await Store.ListDevicesAsync(User(1), default));
        Assert.Empty(await Store.ListDevicesAsync(User(2), default));
    }

    [Fact]
    public async Task RotateRefresh_WithTheCurrentHash_WorksOnce()
    {
        await Store.PutDeviceAsync(Device("a"), default);

        Assert.True(await Store.RotateRefreshAsync(User(1), "a", [1, 0, 1], [2, 0, 2], default));
        Assert.False(await Store.RotateRefreshAsync(User(1), "a", [1, 0, 1], [3, 0, 3], default));
        Assert.False(await Store.RotateRefreshAsync(User(1), "unknown", [2, 0, 2], [3, 0, 3], default));
        Assert.Equal([2, 0, 2], (await Store.FindDeviceAsync(User(1), "a", default))!.RefreshHash);
    }

    [Fact]
    public async Task RotateRefresh_ByManyAtOnce_OneWins()
    {
        await Store.PutDeviceAsync(Device("a"), default);

        var rotations = await Task.WhenAll(Enumerable.Range(0, 30).Select(i =>
            Task.Run(async () => await Store.RotateRefreshAsync(User(1), "a", [1, 0, 1], [(byte)(100 + i)], default))));

        var winner = Assert.Single(Enumerable.Range(0, 30), i => rotations[i]);
        Assert.Equal([(byte)(100 + winner)], (await Store.FindDeviceAsync(User(1), "a", default))!.RefreshHash);
    }

    [Fact]
    public async Task Contacts_PutTwiceListedAndRemoved()
    {
        await Store.PutContactAsync(User(1), User(3), default);
        await Store.PutContactAsync(User(1), User(2), default);
        await Store.PutContactAsync(User(1), User(2), default);
        Assert.Equal([User(2), User(3)], (await Store.ListContactsAsync(User(1), default)).Order());

        await Store.RemoveContactAsync(User(1), User(2), default);
        await Store.RemoveContactAsync(User(1), User(2), default);
        Assert.Equal([User(3)], await Store.ListContactsAsync(User(1), default));
        Assert.Empty(await Store.ListContactsAsync(User(2), default));
    }
}
