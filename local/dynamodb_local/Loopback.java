import java.lang.reflect.Field;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * DynamoDB Local in memory, at a free port of the loopback alone, until standard input ends.
 *
 * Its own main method listens at every address of the machine, takes no port 0, and outlives whoever started it. Java
 * compiles this file as it starts it.
 */
public class Loopback {
    public static void main(String[] arguments) throws Exception {
        DynamoDBProxyServer proxy =
                ServerRunner.createServerFromCommandLineArgs(new String[] {"-inMemory", "-disableTelemetry"});
        Field field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        ServerConnector connector = (ServerConnector) ((Server) field.get(proxy)).getConnectors()[0];
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        proxy.start();
        System.out.println("dynamodb: http://127.0.0.1:" + connector.getLocalPort());
        while (System.in.read() >= 0) {
            // Nothing is said to it; the end of input is the end of whoever started it.
        }
        Runtime.getRuntime().halt(0);
    }
}
