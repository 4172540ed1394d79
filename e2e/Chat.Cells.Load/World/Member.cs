using Chat.Cells.Client;
using Chat.Cells.History.Recording;

namespace Chat.Cells.Load.World;

/// <summary>One user of the run.</summary>
/// <param name="Index">Counts from 0.</param>
/// <param name="Cell">The home cell.</param>
public sealed record Member(int Index, string UserId, string Handle, string Cell, string Region, IReadOnlyList<RunDevice> Devices)
{
    /// <summary>The channels that the user is in.</summary>
    public List<Conversation> Conversations { get; } = [];
}

/// <summary>One device of a user.</summary>
/// <param name="Recorder">Null in runs that are not recorded.</param>
public sealed record RunDevice(ChatClient Client, DeviceRecorder? Recorder);

/// <summary>One channel of the run.</summary>
public sealed record Conversation(string ChannelId, IReadOnlyList<Member> Members)
{
    /// <summary>How many devices must show each message.</summary>
    public int Devices { get; } = Members.Sum(m => m.Devices.Count);

    public bool CrossesCells { get; } = Members.Select(m => m.Cell).Distinct().Count() > 1;
}
