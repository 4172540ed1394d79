using System.Net;

namespace Cassandra.Protocol;

/// <summary>A pushed EVENT (specification, section 4.2.6).</summary>
internal abstract record ServerEvent
{
    public static ServerEvent Read(BodyReader reader)
    {
        var type = reader.String();
        switch (type)
        {
            case "TOPOLOGY_CHANGE":
                return new TopologyChange(reader.String(), reader.Inet());
            case "STATUS_CHANGE":
                return new StatusChange(reader.String() == "UP", reader.Inet());
            case "SCHEMA_CHANGE":
                return new SchemaChange();
            default:
                throw new DriverInternalError($"Event {type} is not known.");
        }
    }
}

/// <param name="Change">NEW_NODE, REMOVED_NODE or MOVED_NODE.</param>
/// <param name="Host">Its address.</param>
internal sealed record TopologyChange(string Change, IPEndPoint Host) : ServerEvent;

internal sealed record StatusChange(bool IsUp, IPEndPoint Host) : ServerEvent;

internal sealed record SchemaChange : ServerEvent;
