using Chat.Cells.Client;

namespace Chat.Cells.Load.World;

/// <summary>What a run is made of.</summary>
/// <param name="Users">Spread evenly over the regions.</param>
/// <param name="SecondDeviceEvery">Every n-th user has a second device; 0: none.</param>
/// <param name="ThirdDeviceEvery">Every n-th user has a third one; 0: none.</param>
/// <param name="DirectPerUser">Direct channels per user, half of them within the cell.</param>
/// <param name="Groups">Group channels; every other one spans all regions.</param>
/// <param name="GroupSize">Members of a group.</param>
public sealed record WorldOptions(int Users, int SecondDeviceEvery, int ThirdDeviceEvery, int DirectPerUser, int Groups, int GroupSize)
{
    /// <summary>Changes how the devices' clients behave.</summary>
    public Func<ChatClientOptions, ChatClientOptions> Client { get; init; } = static options => options;
}
