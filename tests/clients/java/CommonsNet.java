// Performs steps (tab-separated lines on standard input) with Apache commons-net's FTPSClient.
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;
import org.apache.commons.net.ftp.*;

public class CommonsNet {
    static FTPSClient client;

    static void check(boolean good, String what) {
        if (!good) throw new IllegalStateException(what + ": " + client.getReplyString());
    }

    static TrustManager[] trusting(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = new FileInputStream(authority)) {
            store.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String[] link = input.readLine().split("\t", -1);
        boolean implicit = link[2].equals("implicit");
        client = new FTPSClient("TLS", implicit);
        client.setTrustManager(trusting(link[4])[0]);
        client.setControlEncoding("UTF-8");
        client.setDefaultTimeout(15000);
        client.setDataTimeout(java.time.Duration.ofSeconds(15));
        client.connect(link[0], Integer.parseInt(link[1]));
        check(FTPReply.isPositiveCompletion(client.getReplyCode()), "connect");
        client.setSoTimeout(15000);
        check(client.login(link[5], link[6]), "login");
        client.execPBSZ(0);
        client.execPROT("P");
        check(client.setFileType(FTP.BINARY_FILE_TYPE), "type");
        client.setUseEPSVwithIPv4(true);
        if (link[3].equals("passive")) client.enterLocalPassiveMode();
        String line;
        while ((line = input.readLine()) != null) {
            String[] step = line.split("\t", -1);
            perform(step[0], step[1], step[2], step[3]);
        }
        client.logout();
        client.disconnect();
    }

    static void perform(String verb, String remote, String other, String local) throws Exception {
        switch (verb) {
            case "list" -> {
                StringBuilder names = new StringBuilder();
                for (FTPFile file : client.mlistDir(remote))
                    if (!file.getName().matches("\\.\\.?")) names.append(file.getName()).append('\n');
                check(FTPReply.isPositiveCompletion(client.getReplyCode()), "list");
                Files.writeString(Path.of(local), names);
            }
            case "get", "resume-get" -> {
                boolean again = verb.equals("resume-get");
                if (again) client.setRestartOffset(Files.size(Path.of(local)));
                try (OutputStream out = new FileOutputStream(local, again)) {
                    check(client.retrieveFile(remote, out), verb);
                }
            }
            case "put", "resume-put" -> {
                try (InputStream in = new FileInputStream(local)) {
                    if (verb.equals("resume-put")) {
                        long done = Long.parseLong(client.getSize(remote));
                        in.skipNBytes(done);
                        client.setRestartOffset(done);
                    }
                    check(client.storeFile(remote, in), verb);
                }
            }
            case "rename" -> check(client.rename(remote, other), verb);
            case "delete" -> check(client.deleteFile(remote), verb);
            case "mkdir" -> check(client.makeDirectory(remote), verb);
            case "rmdir" -> check(client.removeDirectory(remote), verb);
            default -> throw new IllegalArgumentException(verb);
        }
    }
}
