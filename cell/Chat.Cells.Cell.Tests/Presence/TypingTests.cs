using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>Typing as clients of one embedded server see it.</summary>
public sealed class TypingTests : IAsyncLifetime
{
    private TestCell cell = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
    private TestUser carl = null!;
    private string group = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync();
        anna = await cell.SignUpAsync("anna");
        bob = await cell.SignUpAsync("bob");
        carl = await cell.SignUpAsync("carl");
        group = await cell.CreateGroupAsync(anna, "three", bob, carl);
    }

    public async Task DisposeAsync() => await cell.DisposeAsync();

    [Fact]
    public async Task Typing_ReachesAllSocketsOfTheOtherMembersAndNoneOfTheSender()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var second = await cell.ConnectAsync(await cell.LogInAsync("anna"));
        await using var desktop = await cell.ConnectAsync(bob);
        await using var phone = await cell.ConnectAsync(await cell.LogInAsync("bob"));
        await using var third = await cell.ConnectAsync(carl);
        await using var unsynced = await cell.OpenAsync(carl);

        await sender.TypeAsync(group);
        foreach (var receiver in new[] { desktop, phone, third })
        {
            var typing = await receiver.PayloadAsync("typing");
            Assert.Equal((group, anna.UserId, true), ((string)typing["channelId"]!, (string)typing["userId"]!, (bool)typing["typing"]!));
        }
        await sender.TypeAsync(group, typing: false);
        foreach (var receiver in new[] { desktop, phone, third }) Assert.False((bool)(await receiver.PayloadAsync("typing"))["typing"]!);

        foreach (var other in new[] { sender, second, unsynced })
        {
            await other.SettleAsync();
            Assert.Empty(other.Kept("typing"));
        }
    }

    [Fact]
    public async Task Typing_Repeated_IsPassedOnOnceInAWhile()
    {
        await using var sender = await cell.ConnectAsync(anna);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.TypeAsync(group, typing: false); // never said that it types
        for (var i = 0; i < 200; i++) await sender.TypeAsync(group);
        Assert.True((bool)(await receiver.ReceiveAsync("typing"))["payload"]!["typing"]!); // awaited: what follows at once may take its place
        for (var i = 0; i < 200; i++) await sender.TypeAsync(group, typing: false);
        Assert.False((bool)(await receiver.ReceiveAsync("typing"))["payload"]!["typing"]!);
        await sender.MessageAsync(group, "end", "r1");
        await receiver.ReceiveAsync("new_message");
        Assert.Empty(receiver.Kept("typing"));
    }

    [Fact]
    public async Task Typing_OfANonMemberOrNowhere_GetsNotMemberAndReachesNobody()
    {
        var stranger = await cell.SignUpAsync("stranger");
        await using var sender = await cell.ConnectAsync(stranger);
        await using var receiver = await cell.ConnectAsync(bob);
        await sender.TypeAsync(group);
        Assert.Equal(ErrorCodes.NotMember, (string)(await sender.PayloadAsync("error", "type"))["code"]!);
        await sender.TypeAsync("d.396TN2R7RMZMN5E9BH2AFEN9WN");
        Assert.Equal(ErrorCodes.NotMember, (string)(await sender.PayloadAsync("error", "type"))["code"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("typing"));
    }

    [Fact]
    public void Gate_PassesOncePerIntervalAndChannelAndFewChannels()
    {
        var gate = new TypingGate();
        Assert.True(gate.Passes("a", true, 10_000));
        Assert.False(gate.Passes("a", true, 11_999));
        Assert.True(gate.Passes("a", true, 12_000));
        Assert.True(gate.Passes("a", false, 12_100));
        Assert.False(gate.Passes("a", false, 12_200));
        Assert.False(gate.Passes("a", true, 12_300)); // on and off and on is no way round
        Assert.False(gate.Passes("unknown", false, 12_300));
        foreach (var channel in new[] { "b", "c", "d" }) Assert.True(gate.Passes(channel, true, 12_400));
        Assert.False(gate.Passes("e", true, 12_500));
        Assert.True(gate.Passes("e", true, 14_000)); // the oldest one's time has passed
        Assert.True(gate.Passes("b", true, 9_000)); // a clock that went back locks nobody out
    }
}
