cp "$CLIENT/pom.xml" .
mkdir -p src/main/java
cp "$CLIENT/Scenario.java" src/main/java/
mvn --quiet --batch-mode compile dependency:copy-dependencies "-Ddocument=$DOCUMENT"
printf '#!/bin/sh\nexec java -cp "target/classes:target/dependency/*" Scenario\n' >scenario
chmod +x scenario
